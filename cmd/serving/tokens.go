package serving

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/pulumiscale/pulumiscale/scale"
	"github.com/pulumiscale/pulumiscale/webhook"
)

// readTokens reads the tokens from the stack's configuration. On an error the tokens in force stay in force, unless the
// error is that there is no token any more.
func (s *stackServer) readTokens(ctx context.Context) error {
	s.reading.Lock()
	defer s.reading.Unlock()
	had, file := s.tokens.Any(), s.stack.ConfigFile()
	before := modified(file)
	if had && s.hasFile && isBlank(file) { // a missing or empty file does not mean that somebody took the token away
		return &scale.UsageError{Field: filepath.Base(file), Problem: "is missing or empty, and so the tokens cannot be read"}
	}
	keys := []string{webhook.TokenKey, webhook.PreviousTokenKey}
	if s.options.PathToken {
		keys = append(keys, webhook.PathTokenKey)
	}
	found, err := s.stack.Secrets(ctx, keys...)
	if err != nil {
		return err
	}
	// If the token is missing and the file has changed, the file was being written, or moved away, while it was read.
	if had && found[webhook.TokenKey] == "" && !modified(file).Equal(before) {
		return &scale.UsageError{Field: filepath.Base(file), Problem: "was changed while the tokens were read from it"}
	}
	if s.watcher != nil { // the credentials of metrics and listeners are in the same place
		s.watcher.Credentials.Forget()
		s.teller.Forget()
	}
	err = s.tokens.Set(found[webhook.TokenKey], found[webhook.PreviousTokenKey])
	if s.fleetOf != nil && found[webhook.TokenKey] == "" { // the fleet's token is enough
		err = nil
	}
	if err == nil && s.options.PathToken {
		err = s.setPathToken(found[webhook.PathTokenKey])
	}
	switch has := s.tokens.Any(); {
	case had && !has:
		s.log.Error("every request is refused: the token was taken out of the stack's configuration", "key", webhook.TokenKey)
	case !had && has && s.queue != nil: // not at the start
		s.log.Info("the stack's configuration holds a token again")
	}
	// The command in the error's hint must name this stack.
	if e, ok := errors.AsType[*scale.UsageError](err); ok {
		e.Hint += " --stack " + s.stack.Name()
		if dir := s.options.Stack.Dir; dir != "" {
			e.Hint += fmt.Sprintf(" --cwd %q", dir)
		}
	}
	return err
}

// setPathToken sets the token that requests may bear in their paths, for --path-token. An empty token is an error.
func (s *stackServer) setPathToken(token string) error {
	err := s.tokens.SetPath(token)
	if err == nil && token == "" {
		err = &scale.UsageError{
			Field: webhook.PathTokenKey, Problem: "is missing, and --path-token asks for it",
			Hint: "set one with: openssl rand -hex 32 | tr -d '\\n' | pulumi config set --secret " + webhook.PathTokenKey,
		}
	}
	return err
}

// follow reads the tokens and the rules again when a reload is asked for, until ctx ends. When only the stack's
// configuration file has changed, it reads the tokens alone.
func (s *stackServer) follow(ctx context.Context, reload <-chan struct{}) {
	ticker := time.NewTicker(s.unhurriedWait(s.options.Poll))
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-reload:
			err := s.reload(ctx)
			hasTokens := err == nil
			if hasTokens {
				err = s.queue.Reload(ctx)
			}
			if ctx.Err() != nil { // the end of the server has cut the reading off
				return
			}
			if err != nil {
				s.logFailedReload(err, hasTokens)
				continue
			}
			s.log.Info("reloaded the tokens and rules", "pools", s.queue.Rules().Names())
		case <-ticker.C:
			now := modified(s.stack.ConfigFile())
			if now.Equal(s.configured) || !s.tokens.WereRead() {
				continue
			}
			err := s.readTokens(ctx)
			if ctx.Err() != nil {
				return
			}
			if s.tokens.Any() && err != nil {
				s.log.Error("the tokens cannot be reloaded; those from before stay in force", reason(err)...)
				continue
			}
			s.configured = now
		}
	}
}

// logFailedReload logs why a reload failed, and what is in force now. hasTokens says that the tokens were reloaded, and
// that only the rules were not.
func (s *stackServer) logFailedReload(err error, hasTokens bool) {
	usage, ok := errors.AsType[*scale.UsageError](err)
	switch {
	case hasTokens:
		s.log.Error("the tokens were reloaded, but not the rules", reason(err)...)
	case !s.tokens.Any(): // readTokens has logged the error
	case ok && usage.Field == webhook.PathTokenKey:
		s.log.Error("the reload failed: no token is accepted in paths; the rules from before stay in force", reason(err)...)
	default:
		s.log.Error("the reload failed: the tokens and rules from before stay in force", reason(err)...)
	}
}

// reload reads the tokens again. Listeners that had said that they are gone are tried again.
func (s *stackServer) reload(ctx context.Context) error {
	err := s.readTokens(ctx)
	s.teller.Reload()
	return err
}

// forget makes the server read the tokens and the credentials again when they are needed next. Listeners that had said
// that they are gone are tried again.
func (s *stackServer) forget() {
	s.tokens.Forget()
	s.watcher.Credentials.Forget()
	s.teller.Forget()
	s.teller.Reload()
}

// isBlank says whether a file is empty, is missing or cannot be read.
func isBlank(path string) bool {
	text, err := os.ReadFile(path)
	return err != nil || len(bytes.TrimSpace(text)) == 0
}

// modified returns the time of the last change of a file; zero if the time cannot be read.
func modified(path string) time.Time {
	info, err := os.Stat(path)
	if err != nil {
		return time.Time{}
	}
	return info.ModTime()
}
