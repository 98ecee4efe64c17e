package stack

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/pulumiscale/pulumiscale/scale"
	"github.com/pulumiscale/pulumiscale/scale/doctor"
	"github.com/pulumiscale/pulumiscale/scale/stack/cli"
	"github.com/pulumiscale/pulumiscale/scale/stack/configfile"
)

// Secrets reads values of the stack's configuration, secret or not, by their full keys; it leaves out keys that are not
// set. It needs what the stack's secrets provider needs, such as the passphrase. No other value is decrypted. The
// values are never written to a disk, and must not be logged.
func (s *Stack) Secrets(ctx context.Context, keys ...string) (map[string]string, error) {
	found, err := s.configValues(ctx, s.file, keys)
	if err != nil {
		return nil, err
	}
	values := map[string]string{}
	for key, value := range found {
		values[key] = value.Text
	}
	return values, nil
}

// configValues asks the CLI for the values of the keys, and returns those that are set. It starts one process for each
// key that may be set in the file, all at the same time. more are further arguments of each process.
func (s *Stack) configValues(ctx context.Context, file configfile.File, keys []string, more ...string) (map[string]doctor.Value, error) {
	var (
		wait     sync.WaitGroup
		mu       sync.Mutex
		values   = map[string]doctor.Value{}
		problems []error
	)
	for _, key := range keys {
		if !file.MaySet(key) {
			continue
		}
		wait.Go(func() {
			value, ok, err := s.configValue(ctx, key, more...)
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				problems = append(problems, err)
			} else if ok {
				values[key] = value
			}
		})
	}
	wait.Wait()
	if len(problems) > 0 {
		return nil, problems[0] // the others are most likely the same
	}
	return values, nil
}

// notSet is what the CLI says of a key that has no value.
var notSet = regexp.MustCompile(`configuration key '.*' not found for stack`)

// configValue asks the CLI for the value of one key; ok is false if it has none.
func (s *Stack) configValue(ctx context.Context, key string, more ...string) (value doctor.Value, ok bool, err error) {
	args := append([]string{"config", "get", key, "--json", "--stack", s.name}, more...)
	out, err := s.askPrivately(ctx, "read config "+key, args...)
	if err != nil {
		if notSet.MatchString(err.Error()) {
			err = nil
		}
		return doctor.Value{}, false, err
	}
	var found struct {
		Value  *string `json:"value"`
		Secret bool    `json:"secret"`
	}
	// After this document, the CLI may print what a service says of the configuration's environments.
	if err := json.NewDecoder(strings.NewReader(out)).Decode(&found); err != nil {
		return doctor.Value{}, false, errors.New("read the output of `pulumi config get`: it is no JSON document") // the decoder's error would quote the value
	}
	if found.Value == nil {
		return doctor.Value{}, false, nil
	}
	return doctor.Value{Text: *found.Value, Secret: found.Secret}, true, nil
}

// SetSecret puts a secret into the stack's configuration file, through Pulumi, which encrypts it. The value travels by
// stdin, where no list of processes shows it.
func (s *Stack) SetSecret(ctx context.Context, key, value string) error {
	return s.setSecret(ctx, key, value)
}

func (s *Stack) setSecret(ctx context.Context, key, value string, more ...string) error {
	args := append([]string{"config", "set", "--secret", key, "--stack", s.name}, more...)
	stdout, stderr, code, err := s.command.Run(ctx, s.project.Dir, strings.NewReader(value), nil, nil, cli.ShortLived(), args...)
	if err != nil {
		return s.commandError("set config "+key, failure{stdout: stdout, stderr: stderr, code: code, err: err})
	}
	return nil
}

// probeKey is a key that nobody uses, in a private copy of the configuration file.
const probeKey = "pulumiscale:doctor"

// TrySecrets has Pulumi encrypt a value into a private copy of the configuration file and decrypt it again. Reading
// alone would prove nothing, because any passphrase would do for a configuration without a secret. TrySecrets also
// reads the values of the keys, and no others, and returns them.
func (s *Stack) TrySecrets(ctx context.Context, keys ...string) (map[string]doctor.Value, error) {
	dir, err := newTemporaryFolder()
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	if err := s.file.CopyTo(dir, scale.Change{}); err != nil {
		return nil, err
	}
	file := s.file
	file.Path = s.file.CopyIn(dir)
	asking, stop := s.untilSilent(ctx)
	err = s.setSecret(asking, probeKey, "sound", "--config-file", file.Path)
	stop()
	if errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil {
		return nil, s.silent("encrypt a value")
	}
	if err != nil {
		return nil, err
	}
	values, err := s.configValues(ctx, file, append(slices.Clone(keys), probeKey), "--config-file", file.Path)
	delete(values, probeKey)
	return values, err
}

// IsKeptRemotely says whether an error of [Stack.TrySecrets] means that the service keeps the stack's configuration,
// and not a file.
func IsKeptRemotely(err error) bool { return err != nil && keptRemotely.MatchString(err.Error()) }
