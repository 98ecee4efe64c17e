package webhook

import (
	"net/http"
	"os"
	"regexp"
	"testing"

	"github.com/pulumiscale/pulumiscale/scale"
)

func TestEveryKindOfErrorHasAStatus(t *testing.T) {
	want := map[scale.Kind]int{
		"usage": http.StatusBadRequest, "bad-request": http.StatusBadRequest,
		"unauthenticated": http.StatusUnauthorized, "forbidden": http.StatusForbidden,
		"unknown-pool": http.StatusNotFound, "unknown-operation": http.StatusNotFound,
		"media": http.StatusUnsupportedMediaType,
		"value": http.StatusConflict, "target": http.StatusConflict, "unprovable": http.StatusConflict, "protected": http.StatusConflict,
		"engine": http.StatusBadGateway,
		"rules":  http.StatusServiceUnavailable, "destroyed": http.StatusServiceUnavailable,
		"unavailable": http.StatusServiceUnavailable, "locked": http.StatusServiceUnavailable,
		"journal": http.StatusServiceUnavailable, "busy": http.StatusServiceUnavailable, "full": http.StatusServiceUnavailable,
		"stopping": http.StatusServiceUnavailable, "outside-unavailable": http.StatusServiceUnavailable,
		// No request meets these, or what it meets is ours to mend.
		"failed": http.StatusInternalServerError, "setup": http.StatusInternalServerError, "drift": http.StatusInternalServerError, "program": http.StatusInternalServerError,
		"write": http.StatusInternalServerError, "stale": http.StatusInternalServerError, "unsettled": http.StatusInternalServerError,
		"overtaken": http.StatusInternalServerError, "changed": http.StatusInternalServerError, "unverified": http.StatusInternalServerError,
	}
	declared := regexp.MustCompile(`(?m)^\t[kK]ind\w+ +(?:scale\.)?Kind += "([a-z-]+)"$`)
	for file, least := range map[string]int{"../scale/kind.go": 20, "../scale/queue/operation.go": 4, "dialect/errors.go": 3, "problem.go": 3} {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		found := declared.FindAllStringSubmatch(string(text), -1)
		if len(found) < least {
			t.Errorf("%s declares %d kinds", file, len(found))
		}
		for _, match := range found {
			kind := scale.Kind(match[1])
			status, ok := want[kind]
			if got := answerTo(kind).Status; !ok || got != status {
				t.Errorf("%s: got %d, want %d", kind, got, status)
			}
		}
	}
}
