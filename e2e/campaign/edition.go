package main

import (
	"fmt"
	"math/rand/v2"
	"regexp"
	"strings"
)

// edition is what a checkout of the program says besides the pools' counts. If two editions differ, a scaling must not
// bring the difference along.
type edition struct {
	// zone, front and release count the revisions of a property of a target, of one of the neighbour, and of a stack
	// output. comment counts those of a comment, which changes nothing.
	zone, front, release, comment int
	// protect, retain and depends are options of targets: web is protected, batch is kept when it is deleted, zone
	// depends on the neighbour.
	protect, retain, depends bool
	// newer has plain ask for another version of the provider.
	newer bool
	// needs has the program need the config key "extra".
	needs bool
	// The rest are plain config keys: the provider's setting, two that are properties, one that the program does not
	// use, and "extra". If extra is empty, the key "extra" is missing.
	folder, zoneTag, frontTag, note, extra string
}

// firstEdition is what every world begins with.
func firstEdition() edition {
	return edition{folder: "cloud", zoneTag: "green", frontTag: "blue", note: "leave me alone"}
}

// option is a resource's option in the program.
func option(is bool, text string) string {
	if is {
		return ", " + text
	}
	return ""
}

// options are the options of a pool's resource. Another provider replaces a resource. The resource's name in the cloud
// allows that only once the old one is gone.
func (e edition) options(pool string) string {
	version := "0.1.0"
	if e.newer && pool == "plain" {
		version = "0.1.1"
	}
	return "{version: " + version + ", deleteBeforeReplace: true" + option(e.protect && pool == "web", "protect: true") +
		option(e.retain && pool == "batch", "retainOnDelete: true") + option(e.depends && pool == "zone", `dependsOn: ["${front}"]`) + "}"
}

// config is the config file with the edition's keys.
func (e edition) config(text string) string {
	for _, set := range []struct{ key, value string }{
		{"localcloud:folder", e.folder}, {"campaign:zoneTag", e.zoneTag}, {"campaign:frontTag", e.frontTag}, {"campaign:note", e.note}, {"campaign:extra", e.extra},
	} {
		text = setLine(text, set.key, set.value)
	}
	return text
}

// setLine sets a config key on its line, or on a new line if it has none. An empty value removes it.
func setLine(text, key, value string) string {
	line := regexp.MustCompile(`(?m)^\s*` + key + `:.*\n?`)
	wanted := ""
	if value != "" {
		wanted = fmt.Sprintf("  %s: %s\n", key, value)
	}
	if line.MatchString(text) {
		return line.ReplaceAllLiteralString(text, wanted)
	}
	return strings.Replace(text, "\nconfig:\n", "\nconfig:\n"+wanted, 1)
}

// replaces says whether a deploy of another edition replaces resources, because it has another provider.
func (e edition) replaces(other edition) bool {
	return e.folder != other.folder || e.newer != other.newer
}

// keeps says whether resources cannot be replaced, because they cannot be deleted.
func (e edition) keeps() bool { return e.protect || e.retain }

// change is one thing in which an edition differs.
type change struct {
	name string
	// inFile says that it stands in the config file, and not in the program.
	inFile bool
	do     func(*edition)
}

func editionChanges(rng *rand.Rand) []change {
	word := fmt.Sprintf("w%d", rng.IntN(1000))
	return []change{
		{"a target's property", false, func(e *edition) { e.zone++ }},
		{"the neighbour's property", false, func(e *edition) { e.front++ }},
		{"an output", false, func(e *edition) { e.release++ }},
		{"a comment", false, func(e *edition) { e.comment++ }},
		{"protect", false, func(e *edition) { e.protect = !e.protect }},
		{"retainOnDelete", false, func(e *edition) { e.retain = !e.retain }},
		{"dependsOn", false, func(e *edition) { e.depends = !e.depends }},
		{"the provider's version", false, func(e *edition) { e.newer = !e.newer }},
		{"a new key", false, func(e *edition) { e.needs, e.extra = true, word }},
		{"the provider's setting", true, func(e *edition) { e.folder = map[bool]string{true: "other", false: "cloud"}[e.folder == "cloud"] }},
		{"a target's key", true, func(e *edition) { e.zoneTag = word }},
		{"the neighbour's key", true, func(e *edition) { e.frontTag = word }},
		{"a plain key", true, func(e *edition) { e.note = word }},
		{"one key more", true, func(e *edition) { e.extra = word }},
	}
}

// deployable is an edition that can be deployed after this one. What cannot be deleted is not replaced.
func (e edition) deployable(next edition) edition {
	if e.replaces(next) && (e.keeps() || next.keeps()) {
		next.folder, next.newer = e.folder, e.newer
	}
	if !next.needs {
		return next
	}
	if next.extra == "" {
		next.extra = "needed"
	}
	return next
}
