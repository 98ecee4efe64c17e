package stack

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
)

// Secrets reads values of the stack's configuration, secret or not, by their full keys; what is not set is left out. It needs what the
// stack's secrets provider needs, such as the passphrase. The values must not be logged.
func (s *Stack) Secrets(ctx context.Context, keys ...string) (map[string]string, error) {
	out, err := s.ask(ctx, "read the stack's configuration", "config", "--json", "--show-secrets", "--stack", s.name)
	if err != nil {
		return nil, err
	}
	var config map[string]struct {
		Value *string `json:"value"`
	}
	if err := json.Unmarshal([]byte(out), &config); err != nil {
		return nil, fmt.Errorf("read the output of `pulumi config`: %w", err)
	}
	values := map[string]string{}
	for _, key := range keys {
		if value := config[key].Value; value != nil {
			values[key] = *value
		}
	}
	return values, nil
}

// SetSecret puts a secret into the stack's configuration file, through Pulumi, which encrypts it. The value travels by stdin, where no
// list of processes shows it.
func (s *Stack) SetSecret(ctx context.Context, key, value string) error {
	return s.setSecret(ctx, key, value)
}

func (s *Stack) setSecret(ctx context.Context, key, value string, more ...string) error {
	args := append([]string{"config", "set", "--secret", key, "--stack", s.name}, more...)
	stdout, stderr, code, err := s.command.Run(ctx, s.project.dir, strings.NewReader(value), nil, nil, shortLived(), args...)
	if err != nil {
		return s.commandError("set config "+key, failure{stdout: stdout, stderr: stderr, code: code, err: err})
	}
	return nil
}
