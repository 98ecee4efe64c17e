package metric

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/pulumiscale/pulumiscale/scale"
)

// document is the source of a metric whose value is a number in a JSON document.
type document struct {
	client *http.Client
	query  scale.HTTPQuery
	maxAge time.Duration
}

func (d *document) Close() { d.client.CloseIdleConnections() }

func (d *document) Look(ctx context.Context) (float64, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, d.query.URL, http.NoBody)
	if err != nil {
		return 0, err
	}
	r.Header.Set("Accept", "application/json")
	resp, err := d.client.Do(r)
	if err != nil {
		return 0, plain(err)
	}
	defer resp.Body.Close() //nolint:errcheck // it has been read
	if resp.StatusCode != http.StatusOK {
		return 0, errors.New("the server answers " + resp.Status)
	}
	if err := checkAge(resp.Header, d.maxAge); err != nil {
		return 0, err
	}
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return 0, plain(err)
	}
	return numberAt(body, d.query.Pointer)
}

// checkAge refuses an answer that a cache has kept for too long, as the header Age says (RFC 9111, 5.1).
func checkAge(header http.Header, most time.Duration) error {
	seconds, err := strconv.Atoi(header.Get("Age"))
	if age := time.Duration(seconds) * time.Second; err == nil && age > most {
		return fmt.Errorf("the answer is %s old, out of a cache", age)
	}
	return nil
}

// numberAt returns the number to which a JSON pointer (RFC 6901) leads in a document.
func numberAt(text []byte, pointer string) (float64, error) {
	var value any
	if err := json.Unmarshal(text, &value); err != nil {
		return 0, fmt.Errorf("the answer is no JSON: %w", err)
	}
	at := jsontext.Pointer("")
	for token := range jsontext.Pointer(pointer).Tokens() {
		next, ok := child(value, token)
		if !ok {
			return 0, fmt.Errorf("the document has no %q: there is %s at %q", string(at.AppendToken(token)), kindOf(value), string(at))
		}
		value, at = next, at.AppendToken(token)
	}
	number, ok := value.(float64)
	if !ok {
		return 0, fmt.Errorf("there is %s at %q, and no number", kindOf(value), pointer)
	}
	return finite(number)
}

// child returns a member of an object, or an item of an array by its index, which has no leading zeros.
func child(value any, token string) (any, bool) {
	switch value := value.(type) {
	case map[string]any:
		next, ok := value[token]
		return next, ok
	case []any:
		i, err := strconv.Atoi(token)
		if err != nil || i < 0 || i >= len(value) || strconv.Itoa(i) != token {
			return nil, false
		}
		return value[i], true
	}
	return nil, false
}

// kindOf returns what messages call a value. They do not show the value itself, because it may be confidential.
func kindOf(value any) string {
	switch value := value.(type) {
	case nil:
		return "null"
	case bool:
		return "a bool"
	case float64:
		return "a number"
	case string:
		return "a string"
	case []any:
		return fmt.Sprintf("an array of %d", len(value))
	}
	return "an object"
}
