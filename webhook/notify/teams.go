package notify

import (
	"encoding/json"
	"strings"

	"github.com/pulumiscale/pulumiscale/scale/board"
	"github.com/pulumiscale/pulumiscale/scale/notice"
)

// teamsKind returns the kind for people in Microsoft Teams: a message with an Adaptive Card, as a workflow of Power
// Automate takes it ("When a Teams webhook request is received").
func teamsKind() kind { return kind{name: "teams", events: allButScaled, write: writeTeams} }

// longestTeamsTitle and longestTeamsText are how many characters are sent at most. A message may have 28 KB, and a
// character up to six bytes in JSON.
const (
	longestTeamsTitle = 300
	longestTeamsText  = 3_000
)

type teamsMessage struct {
	Type        string            `json:"type"`
	Attachments []teamsAttachment `json:"attachments"`
}

type teamsAttachment struct {
	ContentType string  `json:"contentType"`
	ContentURL  *string `json:"contentUrl"`
	Content     card    `json:"content"`
}

// card is an Adaptive Card of version 1.4.
type card struct {
	Schema  string            `json:"$schema"`
	Type    string            `json:"type"`
	Version string            `json:"version"`
	Teams   map[string]string `json:"msteams"`
	Body    []richText        `json:"body"`
}

// richText is a block whose texts are shown as they are. The text of a TextBlock would be read as Markdown.
type richText struct {
	Type      string    `json:"type"`
	Inlines   []textRun `json:"inlines"`
	Separator bool      `json:"separator,omitempty"`
}

type textRun struct {
	Type     string `json:"type"`
	Text     string `json:"text"`
	Size     string `json:"size,omitempty"`
	Weight   string `json:"weight,omitempty"`
	Color    string `json:"color,omitempty"`
	FontType string `json:"fontType,omitempty"`
	Subtle   bool   `json:"isSubtle,omitempty"`
}

func writeTeams(m mail) (message, error) {
	n := m.notices[0]
	block := func(run textRun) richText {
		run.Type = "TextRun"
		return richText{Type: "RichTextBlock", Inlines: []textRun{run}}
	}
	body := []richText{block(textRun{Text: defuse(board.OneLine(n.Title, longestTeamsTitle)), Size: "Medium", Weight: "Bolder", Color: teamsColor(n)})}
	for _, line := range n.Details {
		body = append(body, block(textRun{Text: defuse(board.OneLine(line, longestTeamsTitle))}))
	}
	if n.Error != "" {
		body = append(body, block(textRun{Text: defuse(board.Lines(n.Error, longestTeamsText)), FontType: "Monospace"}))
	}
	body = append(body, block(textRun{Text: defuse(board.OneLine(n.Project+"/"+n.Stack, longestTeamsTitle)), Subtle: true}))
	return jsonMessage(teamsMessage{Type: "message", Attachments: []teamsAttachment{{
		ContentType: "application/vnd.microsoft.card.adaptive",
		Content: card{
			Schema: "http://adaptivecards.io/schemas/adaptive-card.json", Type: "AdaptiveCard", Version: "1.4", Teams: map[string]string{"width": "Full"}, Body: body,
		},
	}}})
}

func teamsColor(n notice.Notice) string {
	switch n.Severity {
	case notice.Critical:
		return "Attention"
	case notice.Warning:
		return "Warning"
	}
	return "Default"
}

// defuse makes sure that a text from others is taken neither for a mention nor for a place where a flow puts a value.
// This is a second safeguard, because a card makes a mention only of what it also lists in a field for mentions.
func defuse(text string) string {
	return strings.NewReplacer("<at>", "<"+harmless+"at>", "@{", "@"+harmless+"{", "${", "$"+harmless+"{").Replace(text)
}

// jsonMessage returns a message whose body is a document as JSON.
func jsonMessage(doc any) (message, error) {
	body, err := json.Marshal(doc)
	return message{body: body, media: "application/json"}, err
}
