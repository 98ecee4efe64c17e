package webhook

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pulumiscale/pulumiscale/webhook/sns"
	"github.com/pulumiscale/pulumiscale/webhook/sns/snstest"
)

func TestSNSThroughTheRoute(t *testing.T) {
	alarm := func(r *rig) string { return string(payload(r.t, "cloudwatch/metric-high")) }
	asText := []string{"Content-Type", "text/plain; charset=UTF-8", "Authorization", basic("sns", tokenA)}
	for _, version := range []string{"1", "2"} {
		t.Run("a notification of version "+version, func(t *testing.T) {
			serving(t, func(t *testing.T, r *rig) {
				body := snstest.Encode(r.sns.Sign(snstest.Notification(version, map[string]any{"Message": alarm(r)})))
				r.done(r.post(pathCloudWatch, body, asText...).is(202, `"pool":"worker"`).operation("results", 0), "scaled")
				r.stack.wantCounts(4, 2, 1)
			})
		})
	}
	t.Run("the challenge, and then the credentials", func(t *testing.T) {
		serving(t, func(t *testing.T, r *rig) {
			body := snstest.Encode(r.sns.Sign(snstest.Notification("1", map[string]any{"Message": alarm(r)})))
			bare := httptest.NewRequest(http.MethodPost, pathCloudWatch, strings.NewReader(string(body)))
			bare.Header.Set("Content-Type", asText[1])
			if got := r.send(bare).is(401); !cmp.Equal(got.Header().Values("WWW-Authenticate"), challenges) {
				t.Error(got.Header())
			}
			r.post(pathCloudWatch, body, asText...).is(202)
		})
	})
	t.Run("a subscription is confirmed once", func(t *testing.T) {
		serving(t, func(t *testing.T, r *rig) {
			var mu sync.Mutex
			fetched := map[string]int{}
			r.sns.Answer = func(_ context.Context, url string) ([]byte, error) {
				mu.Lock()
				defer mu.Unlock()
				fetched[url]++
				return r.sns.Certificate, nil
			}
			message := snstest.Confirmation("2", sns.SubscriptionConfirmation, nil)
			r.post(pathCloudWatch, snstest.Encode(r.sns.Sign(message)), asText...).is(200, "confirmed", `"results":[]`)
			want := map[string]int{snstest.CertURL: 1, message["SubscribeURL"].(string): 1}
			if diff := cmp.Diff(want, fetched); diff != "" {
				t.Errorf("fetched (-want +got):\n%s", diff)
			}
		})
	})
	t.Run("the end of a subscription is not undone", func(t *testing.T) {
		serving(t, func(t *testing.T, r *rig) {
			r.post(pathCloudWatch, snstest.Encode(r.sns.Sign(snstest.Confirmation("1", sns.UnsubscribeConfirmation, nil))), asText...).is(200, "has ended")
			if n := r.sns.Fetched.Load(); n != 1 {
				t.Errorf("%d fetches; want that of the certificate", n)
			}
		})
	})
	cases := map[string]struct {
		body    func(r *rig) []byte
		headers []string
		status  int
		text    string
	}{
		"raw delivery": {func(r *rig) []byte { return []byte(alarm(r)) }, []string{"X-Amz-Sns-Rawdelivery", "true"}, 400, "raw message delivery"},
		"raw delivery of an event": {func(r *rig) []byte { return payload(r.t, "eventbridge/metric") },
			[]string{"X-Amz-Sns-Rawdelivery", "true"}, 400, "raw message delivery"},
		"a forged message": {func(r *rig) []byte {
			return snstest.Encode(snstest.With(r.sns.Sign(snstest.Notification("2", map[string]any{"Message": alarm(r)})), map[string]any{"Message": "forged"}))
		}, nil, 403, "signature"},
		"a forged subscription": {func(r *rig) []byte {
			return snstest.Encode(snstest.With(r.sns.Sign(snstest.Confirmation("2", sns.SubscriptionConfirmation, nil)), map[string]any{"Token": "forged"}))
		}, nil, 403, "signature"},
		"another topic": {func(r *rig) []byte {
			return snstest.Encode(r.sns.Sign(snstest.Notification("2", map[string]any{"TopicArn": snstest.Topic + "2", "Message": alarm(r)})))
		}, nil, 403, "not one of those allowed"},
		"an old message": {func(r *rig) []byte {
			return snstest.Encode(r.sns.Sign(snstest.Notification("2", map[string]any{"Timestamp": "2026-03-04T10:00:00.000Z", "Message": alarm(r)})))
		}, nil, 403, "too long ago"},
		"a certificate that is somewhere else": {func(r *rig) []byte {
			return snstest.Encode(r.sns.Sign(snstest.Notification("2", map[string]any{"SigningCertURL": "https://sns.s3-us-west-2.amazonaws.com/SimpleNotificationService-0.pem"})))
		}, nil, 403, "the certificate is not at"},
		"a message that is no alarm": {func(r *rig) []byte { return snstest.Encode(r.sns.Sign(snstest.Notification("2", nil))) }, nil, 400, `"field":"Message"`},
		"an alarm that has ended": {func(r *rig) []byte {
			return snstest.Encode(r.sns.Sign(snstest.Notification("2", map[string]any{"Message": string(payload(r.t, "cloudwatch/metric-ok"))})))
		}, nil, 200, `"outcome":"cleared"`},
		"an alarm without data": {func(r *rig) []byte {
			return snstest.Encode(r.sns.Sign(snstest.Notification("2", map[string]any{"Message": string(payload(r.t, "cloudwatch/insufficient-data"))})))
		}, nil, 200, "insufficient data"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			serving(t, func(t *testing.T, r *rig) {
				r.post(pathCloudWatch, c.body(r), append(c.headers, asText...)...).is(c.status, c.text)
				time.Sleep(time.Minute)
				r.stack.wantUntouched()
			})
		})
	}
	t.Run("the certificate cannot be fetched", func(t *testing.T) {
		serving(t, func(t *testing.T, r *rig) {
			r.sns.Answer = func(context.Context, string) ([]byte, error) { return nil, errors.New("dial tcp: secret detail") }
			body := snstest.Encode(r.sns.Sign(snstest.Notification("2", map[string]any{"Message": alarm(r)})))
			if got := r.post(pathCloudWatch, body, asText...).is(503); strings.Contains(got.Body.String(), "secret") || got.Header().Get("Retry-After") == "" {
				t.Error(got.Header(), got.Body)
			}
		})
	})
}
