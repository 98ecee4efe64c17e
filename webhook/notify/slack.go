package notify

import (
	"strings"

	"github.com/pulumiscale/pulumiscale/scale/board"
	"github.com/pulumiscale/pulumiscale/scale/notice"
)

// slackKind is for people, in what takes incoming webhooks as Slack does: Mattermost, Rocket.Chat and others.
func slackKind() kind { return kind{name: "slack", events: allButScaled, write: writeSlack} }

// longestSlackTitle and longestSlackText are how many characters are sent at most, before they are escaped: what is longer,
// Slack folds or refuses.
const (
	longestSlackTitle = 300
	longestSlackText  = 2_500
)

// slackMessage is the body of an incoming webhook. Attachments are what all of those that are compatible know.
type slackMessage struct {
	Text        string            `json:"text"`
	Attachments []slackAttachment `json:"attachments,omitempty"`
}

type slackAttachment struct {
	Fallback string `json:"fallback"`
	Color    string `json:"color"`
	Text     string `json:"text"`
	Footer   string `json:"footer"`
	Time     int64  `json:"ts"`
	// MarkdownIn names the fields that have Slack's markup: none.
	MarkdownIn []string `json:"mrkdwn_in"`
}

func writeSlack(m mail) (message, error) {
	n := m.notices[0]
	title := escapeSlack(board.OneLine(n.Title, longestSlackTitle))
	lines := append([]string{}, n.Details...)
	if n.Error != "" {
		lines = append(lines, n.Error)
	}
	text := escapeSlack(board.Lines(strings.Join(lines, "\n"), longestSlackText))
	return jsonMessage(slackMessage{Text: title, Attachments: []slackAttachment{{
		Fallback: title, Color: colorOf(n), Text: text, Footer: escapeSlack(board.OneLine(n.Project+"/"+n.Stack, longestSlackTitle)),
		Time: n.Time.Unix(), MarkdownIn: []string{},
	}}})
}

// colorOf is the colour of the bar beside a notice.
func colorOf(n notice.Notice) string {
	switch n.Severity {
	case notice.Critical:
		return "danger"
	case notice.Warning:
		return "warning"
	}
	return "good"
}

// harmless is put between the characters that would make a mention or a link of a text: it has no width.
const harmless = "\u200b"

// escapeSlack keeps a text from others from being more than a text. Slack's own escapes end its mentions and links, such
// as <!channel>. Those that are compatible with Slack know @here, and links as Markdown has them, and format text.
func escapeSlack(text string) string {
	return strings.NewReplacer(
		"&", "&amp;", "<", "&lt;", ">", "&gt;", "@", "@"+harmless, "](", "]"+harmless+"(", "```", "`"+harmless+"`"+harmless+"`",
	).Replace(text)
}
