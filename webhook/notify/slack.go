package notify

import (
	"strings"

	"github.com/pulumiscale/pulumiscale/scale/board"
	"github.com/pulumiscale/pulumiscale/scale/notice"
)

// slackKind returns the kind for people in Slack, and in other chats that take incoming webhooks as Slack does, such as
// Mattermost and Rocket.Chat.
func slackKind() kind { return kind{name: "slack", events: allButScaled, write: writeSlack} }

// longestSlackTitle and longestSlackText are how many characters are sent at most, counted before they are escaped.
// Slack folds or refuses longer texts.
const (
	longestSlackTitle = 300
	longestSlackText  = 2_500
)

// slackMessage is the body of an incoming webhook. All chats that are compatible with Slack know attachments.
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

// colorOf returns the colour of the bar beside a notice.
func colorOf(n notice.Notice) string {
	switch n.Severity {
	case notice.Critical:
		return "danger"
	case notice.Warning:
		return "warning"
	}
	return "good"
}

// harmless is a character without width. It is put between the characters of a text that would make a mention or a
// link.
const harmless = "\u200b"

// escapeSlack makes sure that a text from others is shown as plain text. Slack's own escapes disable its mentions and
// links, such as <!channel>. Chats that are compatible with Slack also know @here, links in Markdown and formatted
// text.
func escapeSlack(text string) string {
	return strings.NewReplacer(
		"&", "&amp;", "<", "&lt;", ">", "&gt;", "@", "@"+harmless, "](", "]"+harmless+"(", "```", "`"+harmless+"`"+harmless+"`",
	).Replace(text)
}
