package fakecloud

import (
	"fmt"
	"maps"
	"net/http"
	"time"

	"github.com/pulumi/pulumi/sdk/v3/go/common/apitype"
)

// lease is how long an update holds its stack without renewing the lease. The client renews it after half of that.
const lease = 5 * time.Minute

// update is an update or a preview.
type update struct {
	id, token string
	stack     *stack
	expires   time.Time
	info      apitype.UpdateInfo
}

func (u *update) running() bool { return u.info.Result == apitype.InProgressResult }

func (u *update) end(result apitype.UpdateResult) {
	u.info.Result, u.info.EndTime = result, time.Now().Unix()
}

// expire ends the updates that have not renewed their lease.
func (s *Server) expire() {
	for _, u := range s.updates {
		if u.running() && time.Now().After(u.expires) {
			u.end(apitype.FailedResult)
		}
	}
}

// Expire lets the lease of whatever holds a stack end now. It says whether anything held the stack.
func (s *Server) Expire(key string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	u := s.activeOf(key)
	if u != nil {
		u.end(apitype.FailedResult)
	}
	return u != nil
}

// Running says whether an update holds a stack.
func (s *Server) Running(key string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.activeOf(key) != nil
}

func (s *Server) activeOf(key string) *update {
	if found := s.stacks[key]; found != nil {
		return found.active()
	}
	return nil
}

// Hold begins somebody else's update of a stack. Its configuration is that of the update before it, with what is given
// besides. It changes no resource. [Server.Release] ends it.
func (s *Server) Hold(key string, config map[string]string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	found := s.stacks[key]
	if found == nil || found.active() != nil {
		return fmt.Errorf("stack %s is not there, or not free", key)
	}
	merged := map[string]apitype.ConfigValue{}
	if n := len(found.updates); n > 0 {
		maps.Copy(merged, found.updates[n-1].info.Config)
	}
	for name, value := range config {
		merged[name] = apitype.ConfigValue{String: value}
	}
	u := s.add(found, apitype.UpdateInfo{
		Kind: apitype.UpdateUpdate, Message: "somebody else's", Config: merged, Environment: map[string]string{"git.author": "somebody"},
	})
	s.start(u)
	return nil
}

// Release ends an update that [Server.Hold] has begun, as a success.
func (s *Server) Release(key string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	u := s.activeOf(key)
	if u != nil {
		u.end(apitype.SucceededResult)
	}
	return u != nil
}

func (s *Server) add(st *stack, info apitype.UpdateInfo) *update {
	info.Result = apitype.NotStartedResult
	u := &update{id: fmt.Sprintf("update-%d", len(s.updates)+1), stack: st, info: info}
	s.updates[u.id] = u
	return u
}

func (s *Server) start(u *update) {
	u.token, u.expires = "lease-of-"+u.id, time.Now().Add(lease)
	u.info.Result, u.info.StartTime = apitype.InProgressResult, time.Now().Unix()
	if u.info.Kind != apitype.PreviewUpdate {
		u.stack.version++
		u.info.Version = u.stack.version
		u.stack.updates = append(u.stack.updates, u)
	}
}

func create(kind apitype.UpdateKind) func(*Server, *call) (any, error) {
	return func(s *Server, c *call) (any, error) {
		var request apitype.UpdateProgramRequest
		if err := c.decode(&request); err != nil {
			return nil, err
		}
		u := s.add(c.stack, apitype.UpdateInfo{
			Kind: kind, Message: request.Metadata.Message, Environment: request.Metadata.Environment, Config: request.Config,
		})
		return apitype.UpdateProgramResponse{UpdateID: u.id}, nil
	}
}

// startUpdate refuses an update that would run beside another one, as the service does at this request. Only here does
// the client have words of its own for that.
func (s *Server) startUpdate(c *call) (any, error) {
	var request apitype.StartUpdateRequest
	if err := c.decode(&request); err != nil {
		return nil, err
	}
	if c.update.info.Kind != apitype.PreviewUpdate && c.stack.active() != nil {
		return nil, failed(http.StatusConflict, "Conflict: Another update is currently in progress.")
	}
	if request.Tags != nil {
		c.stack.tags = request.Tags
	}
	s.start(c.update)
	return apitype.StartUpdateResponse{Version: c.stack.version, Token: c.update.token, TokenExpiration: c.update.expires.Unix()}, nil
}

func (s *Server) cancelUpdate(c *call) (any, error) {
	if !c.update.running() {
		return nil, failed(http.StatusConflict, "Conflict: The Update has already completed")
	}
	c.update.end(apitype.FailedResult)
	return struct{}{}, nil
}

func (s *Server) renewLease(c *call) (any, error) {
	c.update.expires = time.Now().Add(lease)
	return apitype.RenewUpdateLeaseResponse{Token: c.update.token, TokenExpiration: c.update.expires.Unix()}, nil
}

func (s *Server) patchCheckpoint(c *call) (any, error) {
	var request apitype.PatchUpdateCheckpointRequest
	if err := c.decode(&request); err != nil {
		return nil, err
	}
	c.stack.deployment = apitype.UntypedDeployment{Version: request.Version, Features: request.Features, Deployment: request.Deployment}
	return struct{}{}, nil
}

func (s *Server) postEvents(c *call) (any, error) {
	var request apitype.EngineEventBatch
	if err := c.decode(&request); err != nil {
		return nil, err
	}
	for _, event := range request.Events {
		if event.SummaryEvent != nil {
			c.update.info.ResourceChanges = event.SummaryEvent.ResourceChanges
		}
	}
	return struct{}{}, nil
}

func (s *Server) completeUpdate(c *call) (any, error) {
	var request apitype.CompleteUpdateRequest
	if err := c.decode(&request); err != nil {
		return nil, err
	}
	result := apitype.FailedResult
	if request.Status == apitype.UpdateStatusSucceeded {
		result = apitype.SucceededResult
	}
	c.update.end(result)
	return struct{}{}, nil
}
