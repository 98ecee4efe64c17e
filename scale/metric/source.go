package metric

import (
	"context"
	"fmt"
	"math"
	"time"

	"github.com/pulumiscale/pulumiscale/scale"
)

// Timeout is how long one look may take.
const Timeout = 10 * time.Second

// largestAnswer is how many bytes of an answer are read. One number needs a few hundred.
const largestAnswer = 1 << 20

// Source is the place from which the value of one metric is read.
type Source interface {
	// Look returns the metric's value at this moment, which is finite. The error says for people why there is none; it
	// holds no secret. It is an [*AccessError] if the server does not take the credentials.
	Look(ctx context.Context) (float64, error)
	// Close gives back the connections that are kept.
	Close()
}

// AccessError says that the metric's server refused the credentials. The configuration may have new ones by now.
type AccessError struct{ Status string }

func (e *AccessError) Error() string { return "the server refused the credentials: " + e.Status }

// NewSource makes the source of a metric. secrets are the values of the keys that the metric's access names. The error
// says what is wrong with these values.
func NewSource(m scale.Metric, secrets map[string]string, now func() time.Time) (Source, error) {
	client, err := newClient(m.Access, secrets)
	if err != nil {
		return nil, err
	}
	if m.HTTP != nil {
		return &document{client: client, query: *m.HTTP, maxAge: m.MaxAge}, nil
	}
	return newPrometheus(client, m, now)
}

// finite returns a number, or an error if it is infinite or no number.
func finite(f float64) (float64, error) {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return 0, fmt.Errorf("the value is %v", f)
	}
	return f, nil
}
