package notify

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/pulumiscale/pulumiscale/scale/notice"
)

// Outbox keeps the records of the notices that are still to be told, so that the records outlive the process.
// scale/journal implements it on disk. It is safe for concurrent use.
type Outbox interface {
	// PutOutbox writes records by their keys, all or none. It removes the keys whose record is nil.
	PutOutbox(records map[string][]byte) error
	// Outbox calls each with the records whose key begins with a prefix, in the order of their keys.
	Outbox(prefix string, each func(key string, record []byte)) error
}

// The keys of the outbox. Behind prefixLetter come a listener's name and a number, behind prefixTold a notice's id.
const (
	keyState     = "state"
	prefixLetter = "to/"
	prefixTold   = "told/"
)

// letter is a notice on its way to one listener.
type letter struct {
	key    string
	number uint64
	Notice notice.Notice `json:"notice"`
	// Put is when the letter was put into the outbox.
	Put time.Time `json:"put"`
	// tries counts the tries of this process to deliver the letter.
	tries int
}

// letterKey returns the key of a letter. The keys of a listener's letters sort in the order in which the letters were
// put.
func letterKey(listener string, number uint64) string {
	return fmt.Sprintf("%s%s/%020d", prefixLetter, listener, number)
}

// parseLetter reads a letter from a record, and the name of the letter's listener from the key. ok is false if the
// record is no letter.
func parseLetter(key string, record []byte) (l *letter, listener string, ok bool) {
	listener, digits, found := strings.Cut(strings.TrimPrefix(key, prefixLetter), "/")
	l = &letter{key: key}
	if !found || json.Unmarshal(record, l) != nil {
		return nil, listener, false
	}
	if _, err := fmt.Sscanf(digits, "%d", &l.number); err != nil {
		return nil, listener, false
	}
	return l, listener, true
}

// state is what the teller of the next process must know.
type state struct {
	Tracker notice.Tracker `json:"tracker"`
	// Mark is the latest end of an operation whose notices, if any, were put into the outbox. Listeners may not have
	// been told of operations that ended later.
	Mark time.Time `json:"mark"`
}
