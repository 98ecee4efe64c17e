package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"time"
)

// event is one request and what may be answered.
type event struct {
	kind         string
	method, path string
	header       map[string]string
	body         string
	// statuses are those that may be answered. None of them is 500: a server that is not broken has no reason for one.
	statuses []int
	// key is the event's identity: all events that have it make one operation.
	key string
	// delta is by how much the event moves the pool that gets nothing but deltas.
	delta int
	// hangUp has the sender go away before the body is whole. It waits for no answer.
	hangUp bool
	// unsigned events bear no valid token.
	unsigned bool
}

// mixture makes the events. The same seed makes the same ones.
type mixture struct {
	chance *rand.Rand
	began  time.Time
	n      int
	// sum is what the pool of deltas is expected to have. It is kept between the guardrails, where every delta counts.
	sum int
	// firing are alerts that have been sent. keyed are requests with a key that have been sent. Both may be sent again.
	firing, keyed []event
	kinds         []kind
}

// kind is a kind of event, and how often it is sent: its weight in the sum of all weights.
type kind struct {
	name   string
	weight int
	make   func(*mixture) event
}

func newMixture(seed uint64) *mixture {
	return &mixture{chance: rand.New(rand.NewPCG(seed, 0)), began: time.Now(), sum: initial, kinds: kinds()} //nolint:gosec // no secret
}

// kinds are all kinds of events. A kind that has the engine run by itself, such as a dry run, is rare.
func kinds() []kind {
	return []kind{
		{"delta", 200, (*mixture).delta},
		{"count", 80, (*mixture).count},
		{"delta with a key", 60, (*mixture).keyedDelta},
		{"the same key again", 60, (*mixture).again},
		{"Alertmanager, firing", 120, (*mixture).alertmanager},
		{"Alertmanager, repeated", 60, (*mixture).repeated},
		{"Alertmanager, resolved", 60, (*mixture).resolved},
		{"Grafana", 60, (*mixture).grafana},
		{"EventBridge", 100, (*mixture).eventBridge},
		{"paused pool", 20, (*mixture).paused},
		{"malformed body", 40, (*mixture).malformed},
		{"wrong or no token", 40, (*mixture).unauthenticated},
		{"forged SNS message", 10, (*mixture).forged},
		{"no such pool or place", 20, (*mixture).nowhere},
		{"wrong media or method", 10, (*mixture).media},
		{"too large", 2, (*mixture).large},
		{"hang-up", 20, (*mixture).hangUp},
		{"GET pools, metrics, health", 100, (*mixture).read},
		{"GET operations", 20, (*mixture).operations},
		{"waited for", 10, (*mixture).waited},
		{"GET history", 2, (*mixture).history},
		{"dry run", 2, (*mixture).dryRun},
		{"reload", 2, (*mixture).reload},
	}
}

// next is the next event.
func (m *mixture) next() event {
	m.n++
	total := 0
	for _, k := range m.kinds {
		total += k.weight
	}
	at := m.chance.IntN(total)
	for _, k := range m.kinds {
		if at -= k.weight; at < 0 {
			e := k.make(m)
			e.kind = k.name
			return e
		}
	}
	panic("the weights do not add up")
}

// remembered is how many earlier events are kept to be sent again.
const remembered = 200

func remember(events []event, e event) []event {
	events = append(events, e)
	return slices.Clone(events[max(0, len(events)-remembered):])
}

func (m *mixture) pick(of ...string) string { return of[m.chance.IntN(len(of))] }

func post(path, body string, statuses ...int) event {
	header := map[string]string{"Content-Type": "application/json"}
	return event{method: http.MethodPost, path: path, body: body, header: header, statuses: statuses}
}

func get(path string, statuses ...int) event {
	return event{method: http.MethodGet, path: path, statuses: statuses}
}

// delta moves the pool of deltas by one to three. The further the pool is from where it began, the more the delta tends
// to move it back.
func (m *mixture) delta() event {
	by := 1 + m.chance.IntN(3)
	const sway = 10
	if m.chance.IntN(2*sway) < m.sum-initial+sway {
		by = -by
	}
	m.sum += by
	e := post("/scale/"+poolSum, fmt.Sprintf(`{"delta": %d}`, by), http.StatusAccepted)
	if m.chance.IntN(2) == 0 {
		e = post(fmt.Sprintf("/scale/%s?delta=%d&reason=soak", poolSum, by), "", http.StatusAccepted)
	}
	e.delta = by
	return e
}

func (m *mixture) keyedDelta() event {
	e := m.delta()
	e.key = fmt.Sprintf("soak-%d", m.n)
	e.header["Idempotency-Key"] = e.key
	m.keyed = remember(m.keyed, e)
	return e
}

// again sends an earlier request a second time. Whichever of the two arrives first is carried out.
func (m *mixture) again() event {
	if len(m.keyed) == 0 {
		return m.keyedDelta()
	}
	e := m.keyed[m.chance.IntN(len(m.keyed))]
	e.statuses = []int{http.StatusOK, http.StatusAccepted}
	return e
}

func (m *mixture) count() event {
	return post("/scale/"+poolDirect, fmt.Sprintf(`{"count": %d}`, m.chance.IntN(20)), http.StatusOK, http.StatusAccepted, http.StatusConflict)
}

// alert is one of a notification of Alertmanager or Grafana.
func (m *mixture) alert(pool string) map[string]any {
	name := m.pick("JobsWait", "FewJobs")
	labels := map[string]any{"alertname": name, "pool": pool, "instance": fmt.Sprintf("10.0.0.%d:9100", m.chance.IntN(250))}
	if m.chance.IntN(4) == 0 {
		labels["pulumiscale_count"] = fmt.Sprint(m.chance.IntN(30))
	}
	return map[string]any{
		"status": "firing", "labels": labels, "annotations": map[string]any{"summary": fmt.Sprintf("event %d", m.n)},
		"startsAt":     m.began.Add(time.Duration(m.n) * time.Millisecond).UTC().Format(time.RFC3339Nano),
		"generatorURL": "http://prometheus.example.com/graph", "fingerprint": fmt.Sprintf("%016x", m.chance.Uint64()),
	}
}

// document is JSON of strings and numbers, which can always be written.
func document(content map[string]any) string {
	text, err := json.Marshal(content)
	if err != nil {
		panic(err)
	}
	return string(text)
}

// notification posts alerts to the pool's own route, or to that of all pools.
func (m *mixture) notification(version, pool string, alerts ...map[string]any) event {
	text := document(map[string]any{
		"version": version, "receiver": "pulumiscale", "status": alerts[0]["status"], "groupKey": "{}", "truncatedAlerts": 0, "alerts": alerts,
	})
	path := "/webhook/prometheus"
	if m.chance.IntN(2) == 0 {
		path = "/webhook/" + pool + "/prometheus"
	}
	return post(path, text, http.StatusOK, http.StatusAccepted)
}

func (m *mixture) alertmanager() event {
	e := m.notification("4", m.pick(poolAlerts, poolDefer), m.alert(poolAlerts), m.alert(poolDefer))
	m.firing = remember(m.firing, e)
	return e
}

func (m *mixture) repeated() event {
	if len(m.firing) == 0 {
		return m.alertmanager()
	}
	return m.firing[m.chance.IntN(len(m.firing))]
}

func (m *mixture) resolved() event {
	e := m.repeated()
	e.body = strings.ReplaceAll(e.body, `"firing"`, `"resolved"`)
	e.statuses = []int{http.StatusOK}
	return e
}

func (m *mixture) grafana() event {
	alert := m.alert(poolAlerts)
	alert["values"] = map[string]any{"A": m.chance.Float64() * 100}
	return m.notification("1", poolAlerts, alert)
}

// eventBridge is a CloudWatch alarm that fires, ends, or has no data.
func (m *mixture) eventBridge() event {
	state := m.pick("ALARM", "ALARM", "OK", "INSUFFICIENT_DATA")
	at := m.began.Add(time.Duration(m.n) * time.Millisecond).UTC().Format("2006-01-02T15:04:05.000-0700")
	text := document(map[string]any{
		"version": "0", "id": fmt.Sprintf("%032x", m.chance.Uint64()), "detail-type": "CloudWatch Alarm State Change", "source": "aws.cloudwatch",
		"account": "123456789012", "time": at, "region": "us-east-1",
		"detail": map[string]any{
			"alarmName": m.pick("JobsWait", "FewJobs"),
			"state": map[string]any{
				"value": state, "timestamp": at, "reason": "Threshold Crossed: 1 datapoint [99.5] was greater than the threshold (80.0).",
				"reasonData": `{"version":"1.0","recentDatapoints":[99.5],"threshold":80.0}`,
			},
		},
	})
	statuses := []int{http.StatusOK}
	if state == "ALARM" {
		statuses = append(statuses, http.StatusAccepted)
	}
	return post("/webhook/"+m.pick(poolAlerts, poolDefer)+"/cloudwatch", text, statuses...)
}

func (m *mixture) paused() event {
	return post("/scale/"+poolPaused, `{"delta": 1}`, http.StatusOK)
}

func (m *mixture) malformed() event {
	body := m.pick(`{"count": 5`, `{"cuont": 5}`, `{"count": "five"}`, `{"count": 1, "delta": 1}`, `[]`, `{}`, "\x00\xff", `{"alerts": 3}`,
		`{"version":"4","alerts":[`, strings.Repeat("[", 1000))
	return post(m.pick("/scale/"+poolDirect, "/webhook/prometheus", "/webhook/"+poolAlerts+"/cloudwatch"), body, http.StatusBadRequest)
}

func (m *mixture) unauthenticated() event {
	e := m.count()
	e.unsigned, e.statuses = true, []int{http.StatusUnauthorized}
	if wrong := m.pick("", "Bearer wrong-0123456789abcdef", "Basic c29haw==", "Bearer "); wrong != "" {
		e.header["Authorization"] = wrong
	}
	return e
}

// forged names a certificate on a host that is not Amazon's. Nothing is fetched.
func (m *mixture) forged() event {
	e := post("/webhook/"+poolAlerts+"/cloudwatch", fmt.Sprintf(`{"Type":"Notification","MessageId":"%032x",`+
		`"TopicArn":"arn:aws:sns:us-east-1:123456789012:alarms","Message":"{}","Timestamp":"%s","SignatureVersion":"2","Signature":"AAAA",`+
		`"SigningCertURL":"https://sns.us-east-1.amazonaws.com.example.com/SimpleNotificationService-0123.pem"}`,
		m.chance.Uint64(), time.Now().UTC().Format("2006-01-02T15:04:05.000Z")), http.StatusForbidden)
	e.header["Content-Type"] = "text/plain; charset=UTF-8"
	return e
}

func (m *mixture) nowhere() event {
	if m.chance.IntN(2) == 0 {
		return get(m.pick("/nowhere", "/pools/nobody", "/operations/0000", "/favicon.ico", "/pools//x"), http.StatusNotFound)
	}
	return post(m.pick("/scale/nobody", "/webhook/nobody/prometheus"), `{"count": 1}`, http.StatusNotFound)
}

func (m *mixture) media() event {
	e := post("/scale/"+poolDirect, "count=5", http.StatusUnsupportedMediaType)
	e.header["Content-Type"] = m.pick("application/x-www-form-urlencoded", "text/html", "nonsense")
	if m.chance.IntN(2) == 0 {
		e = post("/pools", "{}", http.StatusMethodNotAllowed)
	}
	return e
}

func (m *mixture) large() event {
	var body bytes.Buffer
	body.WriteString(`{"version":"4","alerts":["`)
	body.Write(bytes.Repeat([]byte("x"), 1<<20))
	body.WriteString(`"]}`)
	return post("/webhook/prometheus", body.String(), http.StatusRequestEntityTooLarge)
}

func (m *mixture) hangUp() event {
	e := m.alertmanager()
	m.firing = m.firing[:len(m.firing)-1]
	e.hangUp = true
	return e
}

func (m *mixture) read() event {
	return get(m.pick("/pools", "/pools/"+poolSum, "/metrics", "/healthz", "/readyz"), http.StatusOK)
}

func (m *mixture) operations() event {
	return get(m.pick("/operations", "/operations?limit=5&pool="+poolSum), http.StatusOK)
}

func (m *mixture) waited() event {
	e := m.delta()
	e.header["Prefer"], e.statuses = "wait=20", []int{http.StatusOK, http.StatusAccepted}
	return e
}

func (m *mixture) history() event { return get("/history?limit=5", http.StatusOK) }

// dryRun may find too many others under way.
func (m *mixture) dryRun() event {
	return post("/scale/"+poolDirect+"?dryRun=true", fmt.Sprintf(`{"count": %d}`, m.chance.IntN(20)), http.StatusOK,
		http.StatusServiceUnavailable)
}

func (m *mixture) reload() event { return post("/-/reload", "", http.StatusOK) }
