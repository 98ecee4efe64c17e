package webhook

import (
	"bytes"
	"embed"
	"html/template"
	"net/http"
	"sync"
)

// pageFiles are the status page's template, its style sheet, its script and its icon. There is no build step.
//
//go:embed page
var pageFiles embed.FS

// pageTemplate is the page's template. All servers of a process share it: a parsed template takes more memory than
// everything else of an idle server.
var pageTemplate = sync.OnceValue(func() *template.Template { //nolint:gochecknoglobals // it never changes
	return template.Must(template.ParseFS(pageFiles, "page/page.html", "page/plot.html"))
})

// pagePolicy lets the page load what comes from this server, and nothing else. The page itself holds no script and no
// style, and sends no form. No other page can show it in a frame.
const pagePolicy = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// page answers with the status page, for people. The page shows what [Server.status] returns, and draws how the pools
// stood during the span of time that the query names.
func (s *Server) page(w http.ResponseWriter, r *http.Request) error {
	doc, overview, err := s.statusNow()
	if err != nil {
		return err
	}
	shown := viewOf(doc, s.Now())
	shown.Over = s.drawOver(r, overview)
	var body bytes.Buffer
	if err := pageTemplate().Execute(&body, shown); err != nil {
		return err
	}
	writePage(w, "text/html; charset=utf-8", body.Bytes())
	return nil
}

// pageMedia returns the media type of a file that the page loads, or "" for other files. It does not use the machine's
// own table of media types, so that all machines give the same answer.
func pageMedia(file string) string {
	switch file {
	case "style.css":
		return "text/css; charset=utf-8"
	case "page.js":
		return "text/javascript; charset=utf-8"
	case "icon.svg":
		return "image/svg+xml"
	}
	return ""
}

// pageFile answers with a file that the page loads.
func (s *Server) pageFile(w http.ResponseWriter, r *http.Request) error {
	name := r.PathValue("file")
	media := pageMedia(name)
	if media == "" {
		problem{Status: http.StatusNotFound, Detail: "there is nothing here"}.write(w)
		return nil
	}
	body, err := pageFiles.ReadFile("page/" + name)
	if err != nil {
		return err
	}
	writePage(w, media, body)
	return nil
}

// writePage answers with the page or a part of it, with all headers that make browsers strict.
func writePage(w http.ResponseWriter, media string, body []byte) {
	for name, value := range map[string]string{
		"Content-Type":                 media,
		"Cache-Control":                "no-store",
		"Content-Security-Policy":      pagePolicy,
		"Cross-Origin-Opener-Policy":   "same-origin",
		"Cross-Origin-Resource-Policy": "same-origin",
		"Referrer-Policy":              "no-referrer",
		"X-Content-Type-Options":       "nosniff",
		"X-Frame-Options":              "DENY",
	} {
		w.Header().Set(name, value)
	}
	_, _ = w.Write(body) // a client that has gone away sees nothing
}
