package fakecloud

import (
	"bytes"
	"encoding/base64"
	"net/http"
	"slices"
	"strconv"

	"github.com/pulumi/pulumi/sdk/v3/go/common/apitype"
	"github.com/pulumi/pulumi/sdk/v3/go/common/tokens"
)

// stack is a stack of the service.
type stack struct {
	org, project, name string
	version            int
	tags               map[apitype.StackTagName]string
	deployment         apitype.UntypedDeployment
	// updates are those that were started, without previews, oldest first.
	updates []*update
}

func stackKey(org, project, name string) string { return org + "/" + project + "/" + name }

// active is the update that holds the stack. It is nil if none does.
func (st *stack) active() *update {
	for _, u := range st.updates {
		if u.running() {
			return u
		}
	}
	return nil
}

// Rename gives a stack, "org/project/name", another name of this form. An empty new name removes the stack.
func (s *Server) Rename(from, to string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	found := s.stacks[from]
	delete(s.stacks, from)
	if found != nil && to != "" {
		s.stacks[to] = found
	}
	return found != nil
}

func (s *Server) done(*call) (any, error) { return struct{}{}, nil }

func (s *Server) user(*call) (any, error) {
	return map[string]any{
		"id": "1", "githubLogin": Owner, "name": "Acme", "email": "acme@example.com",
		"organizations": []map[string]string{{"githubLogin": Owner, "name": "Acme"}},
	}, nil
}

func (s *Server) defaultOrg(*call) (any, error) {
	return apitype.GetDefaultOrganizationResponse{GitHubLogin: Owner}, nil
}

func (s *Server) capabilities(*call) (any, error) {
	return apitype.CapabilitiesResponse{Capabilities: []apitype.APICapabilityConfig{}}, nil
}

func (s *Server) createStack(c *call) (any, error) {
	var request apitype.CreateStackRequest
	if err := c.decode(&request); err != nil {
		return nil, err
	}
	key := stackKey(c.path["org"], c.path["project"], request.StackName)
	if s.stacks[key] != nil {
		return nil, failed(http.StatusConflict, "Conflict: Stack '"+key+"' already exists")
	}
	s.stacks[key] = &stack{
		org: c.path["org"], project: c.path["project"], name: request.StackName, tags: request.Tags,
		deployment: apitype.UntypedDeployment{Version: 3, Deployment: []byte("{}")},
	}
	return apitype.CreateStackResponse{}, nil
}

func (s *Server) getStack(c *call) (any, error) {
	out := apitype.Stack{
		ID: stackKey(c.stack.org, c.stack.project, c.stack.name), OrgName: c.stack.org, ProjectName: c.stack.project,
		StackName: tokens.QName(c.stack.name), Tags: c.stack.tags, Version: c.stack.version,
	}
	if n := len(c.stack.updates); n > 0 {
		out.ActiveUpdate = c.stack.updates[n-1].id
	}
	if u := c.stack.active(); u != nil {
		out.CurrentOperation = &apitype.OperationStatus{Kind: u.info.Kind, Author: Owner, Started: u.info.StartTime}
	}
	return out, nil
}

func (s *Server) exportStack(c *call) (any, error) { return c.stack.deployment, nil }

// history lists the updates, newest first. It has pages only if the CLI asks for them.
func (s *Server) history(c *call) (any, error) {
	updates := []apitype.UpdateInfo{}
	for _, u := range slices.Backward(c.stack.updates) {
		if u.running() && s.unlisted {
			continue
		}
		updates = append(updates, u.info)
	}
	if size := c.number("pageSize"); size > 0 {
		first := min(size*(max(c.number("page"), 1)-1), len(updates))
		updates = updates[first:min(first+size, len(updates))]
	}
	return apitype.GetHistoryResponse{Updates: updates}, nil
}

func (c *call) number(name string) int {
	if len(c.query[name]) == 0 {
		return 0
	}
	n, _ := strconv.Atoi(c.query[name][0])
	return n
}

// latest tells of the newest update. The client wants its configuration.
func (s *Server) latest(c *call) (any, error) {
	n := len(c.stack.updates)
	if n == 0 {
		return nil, failed(http.StatusNotFound, "Not Found: Update not found")
	}
	return map[string]any{"info": c.stack.updates[n-1].info}, nil
}

// sealed marks what was "encrypted".
var sealed = []byte("sealed:")

func seal(plain []byte) []byte {
	return append(slices.Clone(sealed), base64.StdEncoding.EncodeToString(plain)...)
}

func unseal(text []byte) ([]byte, error) {
	plain, err := base64.StdEncoding.DecodeString(string(bytes.TrimPrefix(text, sealed)))
	if err != nil || !bytes.HasPrefix(text, sealed) {
		return nil, failed(http.StatusBadRequest, "Bad Request: the ciphertext is not valid")
	}
	return plain, nil
}

func (s *Server) encrypt(c *call) (any, error) {
	var request apitype.EncryptValueRequest
	if err := c.decode(&request); err != nil {
		return nil, err
	}
	return apitype.EncryptValueResponse{Ciphertext: seal(request.Plaintext)}, nil
}

func (s *Server) decrypt(c *call) (any, error) {
	var request apitype.DecryptValueRequest
	if err := c.decode(&request); err != nil {
		return nil, err
	}
	plain, err := unseal(request.Ciphertext)
	return apitype.DecryptValueResponse{Plaintext: plain}, err
}

func (s *Server) batchDecrypt(c *call) (any, error) {
	var request apitype.BatchDecryptRequest
	if err := c.decode(&request); err != nil {
		return nil, err
	}
	out := map[string][]byte{}
	for _, text := range request.Ciphertexts {
		plain, err := unseal(text)
		if err != nil {
			return nil, err
		}
		out[base64.StdEncoding.EncodeToString(text)] = plain
	}
	return apitype.BatchDecryptResponse{Plaintexts: out}, nil
}
