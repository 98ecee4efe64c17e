package metric

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/pulumiscale/pulumiscale/scale"
)

// answer is a server that answers every request alike.
func answer(t *testing.T, kind, body string) *httptest.Server {
	t.Helper()
	return serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", kind)
		_, _ = fmt.Fprint(w, body)
	})
}

func serve(t *testing.T, handler http.HandlerFunc) *httptest.Server {
	t.Helper()
	s := httptest.NewServer(handler)
	t.Cleanup(s.Close)
	return s
}

func promMetric(url string, edits ...func(*scale.Metric)) scale.Metric {
	m := scale.Metric{Name: "q", Prometheus: &scale.PrometheusQuery{URL: url, Query: "up"}, MaxAge: time.Minute}
	for _, edit := range edits {
		edit(&m)
	}
	return m
}

func httpMetric(url, pointer string, edits ...func(*scale.Metric)) scale.Metric {
	m := scale.Metric{Name: "q", HTTP: &scale.HTTPQuery{URL: url, Pointer: pointer}, MaxAge: time.Minute}
	for _, edit := range edits {
		edit(&m)
	}
	return m
}

func look(t *testing.T, m scale.Metric, secrets map[string]string) (float64, error) {
	t.Helper()
	source, err := NewSource(m, secrets, time.Now)
	if err != nil {
		return 0, err
	}
	defer source.Close()
	ctx, cancel := context.WithTimeout(t.Context(), Timeout)
	defer cancel()
	return source.Look(ctx)
}

// wants checks that a look finds a value or, if problem is not empty, fails with that text in its error.
func wants(t *testing.T, m scale.Metric, secrets map[string]string, value float64, problem string) {
	t.Helper()
	got, err := look(t, m, secrets)
	switch {
	case problem == "" && (err != nil || got != value):
		t.Errorf("got %v and %v, want %v", got, err, value)
	case problem != "" && (err == nil || !strings.Contains(err.Error(), problem)):
		t.Errorf("got %v and the error %v, want one with %q", got, err, problem)
	}
}

func TestAnswersOfPrometheus(t *testing.T) {
	at := float64(time.Now().UnixMilli()) / 1000
	vector := func(samples string) string {
		return `{"status":"success","data":{"resultType":"vector","result":[` + samples + `]}}`
	}
	one := func(value string) string { return fmt.Sprintf(`{"metric":{"a":"b"},"value":[%f,%q]}`, at, value) }
	for _, c := range []struct {
		name, body string
		value      float64
		problem    string
	}{
		{"one series", vector(one("71.5")), 71.5, ""},
		{"a scalar", fmt.Sprintf(`{"status":"success","data":{"resultType":"scalar","result":[%f,"3"]}}`, at), 3, ""},
		{"information on the query", strings.Replace(vector(one("7")), "{", `{"infos":["PromQL info: metric might not be a counter"],`, 1), 7, ""},
		{"information as older servers tell it", strings.Replace(vector(one("7")), "{", `{"warnings":["PromQL info: metric might not be a counter"],`, 1), 7, ""},
		{"no series", vector(""), 0, "the query finds no series"},
		{"two series", vector(one("1") + "," + one("2")), 0, `the query finds 2 series, and only one can be the value: {a="b"}, {a="b"}`},
		{"NaN", vector(one("NaN")), 0, "the value is NaN"},
		{"infinity", vector(one("+Inf")), 0, "the value is +Inf"},
		{"a matrix", fmt.Sprintf(`{"status":"success","data":{"resultType":"matrix","result":[{"metric":{},"values":[[%f,"1"]]}]}}`, at), 0, "a matrix and no number"},
		{"a string", fmt.Sprintf(`{"status":"success","data":{"resultType":"string","result":[%f,"1"]}}`, at), 0, `the answer is none of Prometheus: unexpected value type "string"`},
		{"an old result", vector(fmt.Sprintf(`{"metric":{},"value":[%f,"1"]}`, at-3600)), 0, "1h0m0s off this machine's clock"},
		{"a result of the future", vector(fmt.Sprintf(`{"metric":{},"value":[%f,"1"]}`, at+3600)), 0, "1h0m0s off this machine's clock"},
		{"a warning", strings.Replace(vector(one("7")), "{", `{"warnings":["no store matched for a part of the query"],`, 1), 0, "may be incomplete: no store matched"},
		{"an error", `{"status":"error","errorType":"bad_data","error":"parse error: unexpected end"}`, 0, "parse error: unexpected end"},
		{"half an answer", `{"status":"success","data":{"resultType":"vec`, 0, "the answer is none of Prometheus: unexpected end of JSON input"},
		{"another document", `{"length":5}`, 0, "the result is no number"},
		{"nothing", ``, 0, "the answer is none of Prometheus: unexpected end of JSON input"},
	} {
		t.Run(c.name, func(t *testing.T) {
			wants(t, promMetric(answer(t, "application/json", c.body).URL), nil, c.value, c.problem)
		})
	}
	t.Run("no series that stands for 0", func(t *testing.T) {
		wants(t, promMetric(answer(t, "application/json", vector("")).URL, func(m *scale.Metric) { m.EmptyIsZero = true }), nil, 0, "")
	})
	t.Run("an error never stands for 0", func(t *testing.T) {
		wants(t, promMetric(answer(t, "application/json", `{"status":"error","error":"gone"}`).URL, func(m *scale.Metric) { m.EmptyIsZero = true }), nil, 0, "gone")
	})
	t.Run("a server that wants a GET", func(t *testing.T) {
		s := serve(t, func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodPost {
				http.Error(w, "no", http.StatusMethodNotAllowed)
				return
			}
			w.Header().Set("Content-Type", "application/json")
			_, _ = fmt.Fprint(w, vector(one(strings.TrimPrefix(r.URL.Query().Get("query"), "u"))))
		})
		wants(t, promMetric(s.URL, func(m *scale.Metric) { m.Prometheus.Query = "u5" }), nil, 5, "")
	})
	t.Run("a server below a path", func(t *testing.T) {
		s := serve(t, func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path != "/prometheus/api/v1/query" {
				http.NotFound(w, r)
				return
			}
			w.Header().Set("Content-Type", "application/json")
			_, _ = fmt.Fprint(w, vector(one("5")))
		})
		wants(t, promMetric(s.URL+"/prometheus"), nil, 5, "")
		wants(t, promMetric(s.URL), nil, 0, "404")
	})
}

func TestServersThatAreNone(t *testing.T) {
	for name, metric := range map[string]func(url string) scale.Metric{
		"prometheus": func(url string) scale.Metric { return promMetric(url) },
		"http":       func(url string) scale.Metric { return httpMetric(url, "") },
	} {
		t.Run(name, func(t *testing.T) {
			page := answer(t, "text/html; charset=utf-8", "<html>Please log in</html>")
			wants(t, metric(page.URL), nil, 0, "the answer is text/html and not JSON")
			wants(t, metric(answer(t, "application/json", `"`+strings.Repeat("x", largestAnswer)+`"`).URL), nil, 0, "larger than 1048576 bytes")
			wants(t, metric(serve(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) }).URL), nil, 0, "502 Bad Gateway")
			for _, status := range []int{http.StatusUnauthorized, http.StatusForbidden} {
				refusing := serve(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) })
				if _, err := look(t, metric(refusing.URL), nil); !scale.IsA[*AccessError](err) {
					t.Errorf("%d: %v", status, err)
				}
			}
			other := answer(t, "application/json", `5`)
			wants(t, metric(serve(t, func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, other.URL, http.StatusFound) }).URL), nil, 0, "redirects to another one, "+other.URL)
			wants(t, metric(serve(t, func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, r.URL.Path+"x", http.StatusFound) }).URL), nil, 0, "redirects more than 5 times")
			gone := answer(t, "application/json", `5`)
			gone.Close()
			wants(t, metric(gone.URL), nil, 0, "connection refused")
			slow := serve(t, func(_ http.ResponseWriter, r *http.Request) {
				_, _ = io.Copy(io.Discard, r.Body) // before that, nobody notices that the client is gone
				<-r.Context().Done()
			})
			ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
			defer cancel()
			source, err := NewSource(metric(slow.URL), nil, time.Now)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := source.Look(ctx); err == nil || !strings.Contains(err.Error(), "did not answer within") {
				t.Errorf("a slow server: %v", err)
			}
			source.Close()
		})
	}
}

func TestNumbersInADocument(t *testing.T) {
	const document = `{"queues":[{"length":5,"a/b":6,"m~n":7,"":8},{"length":null}],"text":"5","huge":1e400}`
	for pointer, want := range map[string]struct {
		value   float64
		problem string
	}{
		"/queues/0/length": {5, ""},
		"/queues/0/a~1b":   {6, ""},
		"/queues/0/m~0n":   {7, ""},
		"/queues/0/":       {8, ""},
		"":                 {0, "there is an object"},
		"/queues":          {0, "there is an array of 2"},
		"/queues/2":        {0, `the document has no "/queues/2": there is an array of 2 at "/queues"`},
		"/queues/-":        {0, `the document has no "/queues/-"`},
		"/queues/00":       {0, `the document has no "/queues/00"`},
		"/queues/1/length": {0, "there is null"},
		"/text":            {0, "there is a string"},
		"/text/0":          {0, "there is a string"},
		"/nobody":          {0, `the document has no "/nobody": there is an object at ""`},
	} {
		t.Run(pointer, func(t *testing.T) {
			wants(t, httpMetric(answer(t, "application/json", strings.Replace(document, `,"huge":1e400`, "", 1)).URL, pointer), nil, want.value, want.problem)
		})
	}
	wants(t, httpMetric(answer(t, "application/json", document).URL, "/huge"), nil, 0, "the answer is no JSON")
	wants(t, httpMetric(answer(t, "application/vnd.api+json", `-2.5`).URL, ""), nil, -2.5, "")
	wants(t, httpMetric(answer(t, "application/json", `5 6`).URL, ""), nil, 0, "the answer is no JSON")
	cached := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Age", "61")
		_, _ = fmt.Fprint(w, "5")
	})
	wants(t, httpMetric(cached.URL, ""), nil, 0, "the answer is 1m1s old, out of a cache")
	wants(t, httpMetric(cached.URL, "", func(m *scale.Metric) { m.MaxAge = time.Hour }), nil, 5, "")
}

func TestCredentialsOfALook(t *testing.T) {
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		name, password, _ := r.BasicAuth()
		_, _ = fmt.Fprintf(w, `{"t %s":1,"b %s:%s":1,"k %s":1,"o %s":1}`, r.Header.Get("Authorization"), name, password, r.Header.Get("X-Key"), r.Header.Get("X-Scope-Orgid"))
	})
	with := func(access scale.Access) func(*scale.Metric) { return func(m *scale.Metric) { m.Access = access } }
	secrets := map[string]string{"token": "s3cret\n", "login": "me:pass:word", "key": "k1", "broken": "a\nb", "nologin": "me"}
	for pointer, c := range map[string]struct {
		access  scale.Access
		problem string
	}{
		"/t Bearer s3cret": {scale.Access{BearerKey: "token"}, ""},
		"/b me:pass:word":  {scale.Access{BasicKey: "login"}, ""},
		"/k k1":            {scale.Access{Headers: map[string]scale.Header{"X-Key": {Key: "key"}}}, ""},
		"/o shop":          {scale.Access{Headers: map[string]scale.Header{"X-Scope-OrgID": {Value: "shop"}}}, ""},
		"/1":               {scale.Access{BearerKey: "nobody"}, `no value for the key "nobody"`},
		"/2":               {scale.Access{BasicKey: "nologin"}, `the value for the key "nologin" must be a name and a password`},
		"/3":               {scale.Access{Headers: map[string]scale.Header{"X-Key": {Key: "broken"}}}, "the value of the header X-Key has more than one line"},
		"/4":               {scale.Access{CAKey: "key"}, `the value for the key "key" holds no certificate in PEM`},
		"/5":               {scale.Access{CertificateKey: "key"}, `the value for the key "key" must hold a certificate and its private key`},
	} {
		t.Run(pointer, func(t *testing.T) {
			wants(t, httpMetric(s.URL, pointer, with(c.access)), secrets, 1, c.problem)
			if _, err := look(t, httpMetric(s.URL, pointer, with(c.access)), secrets); err != nil {
				for _, value := range secrets {
					if strings.Contains(err.Error(), strings.TrimSpace(value)) && len(value) > 3 {
						t.Errorf("the error shows a secret: %v", err)
					}
				}
			}
		})
	}
}

func TestCertificatesOfALook(t *testing.T) {
	client := certificate(t)
	block, _ := pem.Decode([]byte(client))
	parsed, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = fmt.Fprint(w, "5")
	}))
	s.TLS = &tls.Config{ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: x509.NewCertPool()}
	s.TLS.ClientCAs.AddCert(parsed)
	s.StartTLS()
	t.Cleanup(s.Close)
	secrets := map[string]string{
		"ca":   string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw})),
		"cert": client,
	}
	wants(t, httpMetric(s.URL, "", func(m *scale.Metric) { m.Access = scale.Access{CAKey: "ca", CertificateKey: "cert"} }), secrets, 5, "")
	wants(t, httpMetric(s.URL, "", func(m *scale.Metric) { m.Access = scale.Access{CAKey: "ca"} }), secrets, 0, "certificate required")
	wants(t, httpMetric(s.URL, "", func(m *scale.Metric) { m.Access = scale.Access{CertificateKey: "cert"} }), secrets, 0, "certificate signed by unknown authority")
}

// certificate is a certificate with its key, which has signed itself.
func certificate(t *testing.T) string {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
	raw, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: raw})) + string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}))
}

// FuzzPointer sees that a pointer leads to a number or nowhere, and that no document makes the program fail.
func FuzzPointer(f *testing.F) {
	f.Add(`{"a":[1,{"b/c":2}]}`, "/a/1/b~1c")
	f.Add(`[]`, "/-")
	f.Add(`5`, "")
	f.Fuzz(func(t *testing.T, document, pointer string) {
		value, err := numberAt([]byte(document), pointer)
		if err == nil && value != value {
			t.Errorf("%q in %s is NaN", pointer, document)
		}
		if err != nil && value != 0 {
			t.Errorf("%q in %s is %v and an error, %v", pointer, document, value, err)
		}
	})
}

// FuzzPrometheus sees that no answer of a server makes the program fail, and that what is no one finite number is no
// value.
func FuzzPrometheus(f *testing.F) {
	f.Add(`{"status":"success","data":{"resultType":"vector","result":[{"metric":{},"value":[1,"2"]}]}}`)
	f.Add(`{"status":"success","data":{"resultType":"scalar","result":[1,"2"]}}`)
	f.Add(`{"status":"success","data":{"resultType":"matrix","result":[]}}`)
	f.Fuzz(func(t *testing.T, body string) {
		client := &http.Client{Transport: canned(body)}
		source, err := newPrometheus(client, promMetric("http://p"), func() time.Time { return time.Unix(1, 0) })
		if err != nil {
			t.Fatal(err)
		}
		value, err := source.Look(t.Context())
		if err == nil && value-value != 0 { // NaN, or infinite
			t.Errorf("%s is %v", body, value)
		}
	})
}

// canned answers each request alike, without a network.
type canned string

func (c canned) RoundTrip(r *http.Request) (*http.Response, error) {
	recorder := httptest.NewRecorder()
	recorder.Header().Set("Content-Type", "application/json")
	_, _ = fmt.Fprint(recorder, string(c))
	resp := recorder.Result()
	resp.Request = r
	return resp, nil
}
