package e2e

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/charmbracelet/x/vt"
	"github.com/creack/pty"
	"github.com/rogpeppe/go-internal/testscript"
)

// console is a command on a terminal of its own. The terminal answers what it is asked, as real ones do.
type console struct {
	cmd  *exec.Cmd
	pty  *os.File
	what string
	*vt.SafeEmulator
	ended chan struct{}
	err   error
}

// consoleTimeout is how long anything on a terminal is waited for.
const consoleTimeout = time.Minute

// tty starts a command on a terminal of so many columns and lines. With ! it waits until the command has ended well,
// and checks that the command has left the terminal as it was.
//
//	tty 100x30 pulumiscale watch
//	! tty
func tty(ts *testscript.TestScript, neg bool, args []string) {
	state := stateOf(ts)
	if neg != (state.console != nil) || neg != (len(args) == 0) || !neg && len(args) < 2 {
		ts.Fatalf("usage: tty COLUMNSxLINES COMMAND [ARGS], where none runs; ! tty, where one does")
	}
	if neg {
		c := state.console
		state.console = nil
		ts.Check(c.end())
		return
	}
	columns, lines := sizeOf(ts, args[0])
	c := &console{what: strings.Join(args[1:], " "), SafeEmulator: vt.NewSafeEmulator(columns, lines), ended: make(chan struct{})}
	c.cmd = exec.Command(filepath.Join(ts.Getenv("ROOT"), "bin", args[1]), args[2:]...)
	c.cmd.Dir, c.cmd.Env = ts.MkAbs("."), append(slices.DeleteFunc(environment(ts), func(v string) bool { return strings.HasPrefix(v, "NO_COLOR=") }), "TERM=xterm-256color")
	var err error
	c.pty, err = pty.StartWithSize(c.cmd, &pty.Winsize{Rows: uint16(lines), Cols: uint16(columns)})
	ts.Check(err)
	c.pty, err = pollable(c.pty)
	ts.Check(err)
	state.console = c
	go func() { // the terminal's answers
		buffer := make([]byte, 256)
		for {
			n, err := c.Read(buffer)
			if err != nil {
				return
			}
			_, _ = c.pty.Write(buffer[:n])
		}
	}()
	go func() {
		defer close(c.ended)
		buffer := make([]byte, 32<<10)
		for {
			n, err := c.pty.Read(buffer)
			_, _ = c.Write(buffer[:n])
			if err != nil { // Linux says EIO when the command has ended
				break
			}
		}
		c.err = c.cmd.Wait()
	}()
}

// pollable is the same file, in a form whose Close does not wait until something has been read.
func pollable(f *os.File) (*os.File, error) {
	defer func() { _ = f.Close() }()
	// What another script starts meanwhile would inherit the terminal, which could not be hung up any more.
	syscall.ForkLock.RLock()
	fd, err := syscall.Dup(int(f.Fd()))
	if err == nil {
		syscall.CloseOnExec(fd)
	}
	syscall.ForkLock.RUnlock()
	if err != nil {
		return nil, err
	}
	if err := syscall.SetNonblock(fd, true); err != nil { // before the file is made of it
		return nil, err
	}
	return os.NewFile(uintptr(fd), f.Name()), nil
}

func sizeOf(ts *testscript.TestScript, text string) (columns, lines int) {
	if _, err := fmt.Sscanf(text, "%dx%d", &columns, &lines); err != nil {
		ts.Fatalf("%q is no size such as 80x24", text)
	}
	return columns, lines
}

// end waits until the command has ended.
func (c *console) end() error {
	defer func() {
		_ = c.pty.Close()
		_ = c.Close()
	}()
	select {
	case <-c.ended:
	case <-time.After(consoleTimeout):
		_ = c.cmd.Process.Kill()
		<-c.ended
		return fmt.Errorf("%s does not end:\n%s", c.what, c.text())
	}
	switch {
	case c.err != nil:
		return fmt.Errorf("%s: %w\n%s", c.what, c.err, c.text())
	case c.IsAltScreen():
		return fmt.Errorf("%s leaves the alternate screen on", c.what)
	case c.CursorHidden():
		return fmt.Errorf("%s leaves the cursor hidden", c.what)
	}
	return nil
}

// text is what is on the screen, without spaces at the ends of lines.
func (c *console) text() string {
	var out strings.Builder
	for y := range c.Height() {
		var line strings.Builder
		for x := range c.Width() {
			if cell := c.CellAt(x, y); cell != nil {
				line.WriteString(cell.Content)
			}
		}
		out.WriteString(strings.TrimRight(line.String(), " ") + "\n")
	}
	return out.String()
}

func consoleOf(ts *testscript.TestScript) *console {
	c := stateOf(ts).console
	if c == nil {
		ts.Fatalf("tty comes first")
	}
	return c
}

// onscreen waits until what is on the terminal matches a regular expression, with single spaces for all white space.
// With ! it waits until that does not match.
//
//	onscreen 'worker-pool 3 → 5'
func onscreen(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 1 {
		ts.Fatalf("usage: [!] onscreen REGEXP")
	}
	pattern, err := regexp.Compile(args[0])
	ts.Check(err)
	c := consoleOf(ts)
	for deadline := time.Now().Add(consoleTimeout); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if pattern.MatchString(strings.Join(strings.Fields(c.text()), " ")) != neg {
			return
		}
	}
	ts.Fatalf("the terminal is never as it should be about %s:\n%s", args[0], c.text())
}

// typed types keys on the terminal: a text with Go's escapes.
//
//	typed q
//	typed '\x03'
func typed(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: typed KEYS")
	}
	keys, err := strconv.Unquote(`"` + args[0] + `"`)
	ts.Check(err)
	_, err = consoleOf(ts).pty.WriteString(keys)
	ts.Check(err)
}

// hangup closes the terminal, and waits until the command has ended with an exit code.
//
//	hangup 0
func hangup(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: hangup CODE")
	}
	c := consoleOf(ts)
	stateOf(ts).console = nil
	ts.Check(c.pty.Close())
	select {
	case <-c.ended:
	case <-time.After(consoleTimeout):
		_ = c.cmd.Process.Kill()
		<-c.ended
		ts.Fatalf("%s does not end without its terminal", c.what)
	}
	if code := strconv.Itoa(c.cmd.ProcessState.ExitCode()); code != args[0] {
		ts.Fatalf("%s ended as %s, want %s:\n%s", c.what, c.cmd.ProcessState, args[0], c.text())
	}
}

// resize makes the terminal another size.
//
//	resize 40x30
func resize(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: resize COLUMNSxLINES")
	}
	columns, lines := sizeOf(ts, args[0])
	c := consoleOf(ts)
	c.Resize(columns, lines)
	ts.Check(pty.Setsize(c.pty, &pty.Winsize{Rows: uint16(lines), Cols: uint16(columns)}))
}

// close ends a command that still runs at the end of its script.
func (c *console) close() {
	if err := c.cmd.Process.Kill(); !errors.Is(err, os.ErrProcessDone) {
		<-c.ended
	}
	_ = c.pty.Close()
}
