package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// FaultsFile is the file in the cloud's folder that holds its [Faults].
const FaultsFile = "faults.json"

// Faults is what goes wrong in the cloud. Every operation that creates, updates or deletes reads the file afresh. A
// missing file is a healthy cloud. Reading a resource is never disturbed.
type Faults struct {
	// Delay is how long it takes to make or remove one worker, or to change one balancer, such as "200ms".
	Delay duration `json:"delay"`
	// Fail makes every operation fail at once with this message.
	Fail string `json:"fail"`
	// FailAfter makes an operation fail once this run of the engine has made or removed so many workers of its pool.
	// They stay made or removed. 0 fails before the first.
	FailAfter *int `json:"failAfter"`
	// Quota is how many workers there may be in the whole cloud. Adding one more fails.
	Quota *int `json:"quota"`
	// Hang makes operations wait until it is lifted, or until the engine cancels them.
	Hang bool `json:"hang"`
	// Only restricts all of this to the pool or balancer of that name.
	Only string `json:"only"`
}

type duration time.Duration

func (d *duration) UnmarshalJSON(data []byte) error {
	var text string
	if err := json.Unmarshal(data, &text); err != nil {
		return fmt.Errorf(`delay: want a duration such as "200ms", have %s`, data)
	}
	parsed, err := time.ParseDuration(text)
	if err != nil || parsed < 0 {
		return fmt.Errorf(`delay: want a duration such as "200ms", have %s`, data)
	}
	*d = duration(parsed)
	return nil
}

// readFaults reads what is wrong with the pool or balancer of that name.
func readFaults(cloud, name string) (Faults, error) {
	path := filepath.Join(cloud, FaultsFile)
	data, err := os.ReadFile(path)
	for tries := 0; err == nil && len(data) == 0 && tries < 50; tries++ {
		// Somebody is just writing the file: a shell's redirection empties it first.
		time.Sleep(10 * time.Millisecond)
		data, err = os.ReadFile(path)
	}
	if errors.Is(err, fs.ErrNotExist) {
		return Faults{}, nil
	}
	if err != nil {
		return Faults{}, fmt.Errorf("read faults: %w", err)
	}
	var faults Faults
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&faults); err != nil {
		return Faults{}, fmt.Errorf("%s: %s", path, strings.TrimPrefix(err.Error(), "json: "))
	}
	if _, err := decoder.Token(); err != io.EOF {
		return Faults{}, fmt.Errorf("%s: text after the object", path)
	}
	if faults.FailAfter != nil && *faults.FailAfter < 0 {
		return Faults{}, fmt.Errorf("%s: failAfter: want 0 or more, have %d", path, *faults.FailAfter)
	}
	if faults.Quota != nil && *faults.Quota < 0 {
		return Faults{}, fmt.Errorf("%s: quota: want 0 or more, have %d", path, *faults.Quota)
	}
	if faults.Only != "" && faults.Only != name {
		return Faults{}, nil
	}
	return faults, nil
}

// begin is the start of every changing operation on a pool or balancer. It waits while the cloud hangs, and fails if it
// is to fail.
func begin(ctx context.Context, cloud, name string) (Faults, error) {
	for {
		faults, err := readFaults(cloud, name)
		if err != nil {
			return Faults{}, err
		}
		if !faults.Hang {
			if faults.Fail != "" {
				return Faults{}, errors.New(faults.Fail)
			}
			return faults, nil
		}
		if err := wait(ctx, 50*time.Millisecond); err != nil {
			return Faults{}, err
		}
	}
}

// wait waits for so long, or until the engine cancels the operation.
func wait(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return errors.New("operation cancelled")
	case <-time.After(d):
		return nil
	}
}
