package output

import (
	"strings"

	"github.com/charmbracelet/lipgloss"
	"github.com/charmbracelet/lipgloss/table"
)

// table lays out rows below their headers, in columns two spaces apart. On a terminal, the last column is cut if it
// does not fit. Nothing is cut if not even the headers would fit.
func (s *Style) table(headers []string, rows [][]string) string {
	cell := s.bold.UnsetBold().PaddingRight(2)
	text := table.New().Headers(headers...).Rows(rows...).Wrap(false).
		Border(lipgloss.Border{}).
		BorderTop(false).BorderBottom(false).BorderLeft(false).BorderRight(false).BorderHeader(false).BorderColumn(false).
		StyleFunc(func(row, _ int) lipgloss.Style {
			if row == table.HeaderRow {
				return cell.Bold(true)
			}
			return cell
		}).String()
	var out strings.Builder
	fits := true
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, " \n")
		if out.Len() == 0 {
			fits = s.cut(line) == line
		}
		if fits {
			line = s.cut(line)
		}
		out.WriteString(line + "\n")
	}
	return out.String()
}
