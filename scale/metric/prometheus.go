package metric

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/prometheus/client_golang/api"
	promv1 "github.com/prometheus/client_golang/api/prometheus/v1"
	"github.com/prometheus/common/model"

	"github.com/pulumiscale/pulumiscale/scale"
)

// prometheus is an instant query to a server that speaks Prometheus' HTTP API.
type prometheus struct {
	client *http.Client
	api    promv1.API
	metric scale.Metric
	now    func() time.Time
}

func newPrometheus(client *http.Client, m scale.Metric, now func() time.Time) (*prometheus, error) {
	to, err := api.NewClient(api.Config{Address: m.Prometheus.URL, Client: client})
	if err != nil {
		return nil, err
	}
	return &prometheus{client: client, api: promv1.NewAPI(to), metric: m, now: now}, nil
}

func (p *prometheus) Close() { p.client.CloseIdleConnections() }

func (p *prometheus) Look(ctx context.Context) (float64, error) {
	// No time is given: the server's own clock says which samples are the latest, and the answer tells that time.
	value, warnings, _, err := p.api.Query(ctx, p.metric.Prometheus.Query, time.Time{})
	if err != nil {
		return 0, plain(err)
	}
	if serious := seriousOf(warnings); len(serious) > 0 {
		return 0, fmt.Errorf("the server warns, so the result may be incomplete: %s", strings.Join(serious, "; "))
	}
	return p.number(value)
}

// seriousOf returns the warnings that may mean that a part of the data is missing. Older servers also list as warnings
// what newer ones report as infos; seriousOf leaves these out.
func seriousOf(warnings promv1.Warnings) []string {
	var out []string
	for _, w := range warnings {
		if !strings.HasPrefix(w, "PromQL info:") {
			out = append(out, w)
		}
	}
	return out
}

// number returns the one number that a result consists of.
func (p *prometheus) number(value model.Value) (float64, error) {
	switch result := value.(type) {
	case *model.Scalar:
		return p.at(result.Timestamp, result.Value)
	case model.Vector:
		switch len(result) {
		case 0:
			if p.metric.EmptyIsZero {
				return 0, nil
			}
			return 0, errors.New("the query finds no series")
		case 1:
			if result[0].Histogram != nil {
				return 0, errors.New("the result is a histogram and no number")
			}
			return p.at(result[0].Timestamp, result[0].Value)
		}
		return 0, fmt.Errorf("the query finds %d series, and only one can be the value: %s", len(result), firstTwo(result))
	case model.Matrix:
		return 0, errors.New("the query is for a range of time: its result is a matrix and no number")
	}
	return 0, errors.New("the result is no number")
}

// at returns a value if it is finite, and if the server's time that comes with it is not far from this machine's.
func (p *prometheus) at(then model.Time, value model.SampleValue) (float64, error) {
	if off := p.now().Sub(then.Time()); off > p.metric.MaxAge || -off > p.metric.MaxAge {
		return 0, fmt.Errorf("the result is of %s, which is %s off this machine's clock", then.Time().UTC().Format(time.RFC3339), off.Abs().Round(time.Second))
	}
	return finite(float64(value))
}

// firstTwo returns the first two series as a text, so that people see in what they differ.
func firstTwo(series model.Vector) string {
	const longest = 200
	text := series[0].Metric.String() + ", " + series[1].Metric.String()
	if len(series) > 2 {
		text += ", …"
	}
	if runes := []rune(text); len(runes) > longest {
		text = string(runes[:longest-1]) + "…"
	}
	return text
}

// plain returns the error of a client without what the HTTP and Prometheus libraries have put in front of it.
func plain(err error) error {
	if access, ok := errors.AsType[*AccessError](err); ok {
		return access
	}
	if api, ok := errors.AsType[*promv1.Error](err); ok {
		if api.Type == promv1.ErrBadResponse {
			return fmt.Errorf("the answer is none of Prometheus: %s", oneLine(api.Msg))
		}
		return fmt.Errorf("the server refused the query: %s", oneLine(api.Msg))
	}
	if failed, ok := errors.AsType[*url.Error](err); ok {
		if failed.Timeout() {
			return fmt.Errorf("the server did not answer within %s", Timeout)
		}
		return failed.Err
	}
	return err
}

// oneLine returns a text without its line breaks, cut to what fits a message.
func oneLine(text string) string {
	const longest = 300
	runes := []rune(strings.Join(strings.Fields(text), " "))
	if len(runes) > longest {
		return string(runes[:longest-1]) + "…"
	}
	return string(runes)
}
