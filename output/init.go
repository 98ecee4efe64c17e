package output

import (
	"strings"

	"github.com/pulumiscale/pulumiscale/scale/snippet"
)

// The values of [Init.Token]: what became of the stack's token.
const (
	TokenSet     = "set"
	TokenKept    = "kept"
	TokenMissing = "missing"
)

// Init is the document of init: the pieces that make a stack scale.
type Init struct {
	Stack string `json:"stack"`
	// Language is the language of Snippet, which is the code that exports the rule. If the program exports the pool
	// already, Snippet and all fields that the rule would hold are empty.
	Language string `json:"language"`
	Pool     string `json:"pool"`
	Target   string `json:"target"`
	// ConfigKey is the key that holds the count. Reads is how the program reads the key; it is absent if the key is a
	// path.
	ConfigKey  string `json:"configKey"`
	ConfigPath bool   `json:"configPath"`
	Min        int    `json:"min"`
	Max        int    `json:"max"`
	// Current is the property that holds the real size. It is absent if the rule exports none, or counts a list.
	Current string `json:"current,omitempty"`
	Snippet string `json:"snippet"`
	Reads   string `json:"reads,omitempty"`
	// Token is "set", "kept" or "missing". It is absent if the token was not looked at.
	Token string `json:"token,omitempty"`
	// Sender and SenderFiles are absent without --sender.
	Sender      string       `json:"sender,omitempty"`
	SenderFiles []SenderFile `json:"senderFiles,omitempty"`
	Notes       []string     `json:"notes"`
	Failure
}

// SenderFile is a piece of a sender's configuration. Name is the name of a file or, for a part of a Pulumi program, the
// program's language.
type SenderFile struct {
	Name string `json:"name"`
	Text string `json:"text"`
}

// NewInit makes the document of init.
func NewInit(stack, language string, r snippet.Rule, target string) *Init {
	return &Init{
		Stack: stack, Language: language, Pool: r.Pool, Target: target, ConfigKey: r.ConfigKey, ConfigPath: r.ConfigPath,
		Min: r.Min, Max: r.Max, Current: r.Current, Notes: []string{},
	}
}

// Configures adds a sender's configuration.
func (i *Init) Configures(sender string, files []snippet.File) {
	i.Sender = sender
	for _, f := range files {
		i.SenderFiles = append(i.SenderFiles, SenderFile(f))
	}
}

// SenderText has the pieces of the sender's configuration, each below its name.
func SenderText(i *Init) string {
	var out strings.Builder
	for _, f := range i.SenderFiles {
		if out.Len() > 0 {
			out.WriteString("\n")
		}
		out.WriteString("--- " + i.Sender + ": " + f.Name + "\n" + f.Text)
	}
	return out.String()
}
