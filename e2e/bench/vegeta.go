package main

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/pulumiscale/pulumiscale/e2e/lab"
)

// attack is what vegeta reports.
type attack struct {
	Latencies struct {
		Median time.Duration `json:"50th"`
		P99    time.Duration `json:"99th"`
		Max    time.Duration `json:"max"`
	} `json:"latencies"`
	Requests int            `json:"requests"`
	Earliest time.Time      `json:"earliest"`
	End      time.Time      `json:"end"`
	Statuses map[string]int `json:"status_codes"`
	Errors   []string       `json:"errors"`
}

// mostAttacks is how many tries there are to send anything.
const mostAttacks = 5

// attack sends bodies at a constant rate, whatever becomes of those before.
func (b *bench) attack(ctx context.Context, url string, rate int, bodies []string) (a attack, err error) {
	var targets strings.Builder
	for _, body := range bodies {
		fmt.Fprintf(&targets, `{"method":"POST","url":"%s","header":{"Authorization":["Bearer %s"],"Content-Type":["application/json"]},`+
			`"body":"%s"}`+"\n", url, lab.Token, base64.StdEncoding.EncodeToString([]byte(body)))
	}
	file, results := b.Path("targets.json"), b.Path("results.bin")
	if err := os.WriteFile(file, []byte(targets.String()), 0o644); err != nil {
		return a, err
	}
	duration := time.Duration(len(bodies)) * time.Second / time.Duration(rate)
	// A single request has a millisecond. If vegeta is late for that, it ends without having sent anything.
	for attempt := 1; ; attempt++ {
		if _, err := b.Exec(ctx, b.Path(), nil, "vegeta", "attack", "-format", "json", "-targets", file, "-lazy", "-output", results,
			"-rate", strconv.Itoa(rate), "-duration", duration.String(), "-timeout", "60s"); err != nil {
			return a, err
		}
		info, err := os.Stat(results)
		if err != nil {
			return a, err
		}
		if info.Size() > 0 {
			break
		}
		if attempt == mostAttacks {
			return a, fmt.Errorf("vegeta sent nothing, %d times", attempt)
		}
	}
	text, err := b.Exec(ctx, b.Path(), nil, "vegeta", "report", "-type", "json", results)
	if err != nil {
		return a, err
	}
	err = json.Unmarshal([]byte(text), &a)
	return a, err
}

// understood says whether all requests were understood. A request without an answer counts as one: its time is the
// client's timeout, and the table is to show that.
func (a attack) understood() error {
	for status := range a.Statuses {
		if status != "0" && status != "200" && status != "202" && status != "503" {
			return fmt.Errorf("the answers were %v: %v", a.Statuses, a.Errors)
		}
	}
	return nil
}
