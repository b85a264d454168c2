package connectors

import (
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"

	"hebian/schemas"
)

// maxEntries bounds how many files a county folder may hold; a real one has some dozens.
const maxEntries = 10_000

// Found is a file of a county folder that a profile describes.
type Found struct {
	*File
	Name  string // path relative to the county folder, with /, as the profile has it: what the file is known by
	Path  string // where it lies; "": in the county folder, under its name
	Month schemas.Month
	Bytes int64
	As    Form   // what it is written in; "": as the profile says
	In    string // encoding; "": as the profile says
	// Mended: its rows were refused before and come back corrected, with the columns that a download of them has.
	Mended bool
	// Lines are the lines of a mended file that are read; nil: all.
	Lines map[int64]bool
}

// Folder is what lies in a county folder.
type Folder struct {
	Dir     string
	Found   []Found  // sorted by name
	Missing []*File  // described by a profile and not there
	Unknown []string // there and described by no profile
}

// Scan looks through a county folder and its sub-folders for the files that the profiles describe.
func Scan(dir string, profiles []Profile) (Folder, error) {
	folder := Folder{Dir: dir}
	names, err := files(dir)
	if err != nil {
		return folder, fmt.Errorf("look through county folder: %w", err)
	}
	there, taken := map[*File]bool{}, map[string]bool{}
	for _, name := range names {
		found, ok := Describe(profiles, name)
		if !ok || found.Name != name && (taken[found.Name] || slices.Contains(names, found.Name)) { // there in another form, too
			folder.Unknown = append(folder.Unknown, name)
			continue
		}
		there[found.File], taken[found.Name] = true, true
		found.Path = filepath.Join(dir, filepath.FromSlash(name))
		if stat, err := os.Stat(found.Path); err == nil { // else reading it says why not
			found.Bytes = stat.Size()
		}
		folder.Found = append(folder.Found, found)
	}
	for i := range profiles {
		for j := range profiles[i].Files {
			if file := &profiles[i].Files[j]; !there[file] {
				folder.Missing = append(folder.Missing, file)
			}
		}
	}
	return folder, nil
}

// files lists what lies in a folder and one level below, sorted. Links are followed; one that leads
// nowhere is a file like another, which nobody can read.
func files(dir string) ([]string, error) {
	top, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, entry := range top {
		stat, err := os.Stat(filepath.Join(dir, entry.Name()))
		if err != nil || !stat.IsDir() {
			names = append(names, entry.Name())
		} else {
			below, err := os.ReadDir(filepath.Join(dir, entry.Name()))
			if err != nil {
				return nil, err
			}
			for _, file := range below {
				names = append(names, path.Join(entry.Name(), file.Name()))
			}
		}
		if len(names) > maxEntries {
			return nil, fmt.Errorf("%s holds more than %d files: is it a county folder?", dir, maxEntries)
		}
	}
	slices.Sort(names)
	return names, nil
}

// Describe finds what file of a profile a path relative to the county folder is, as its name says. It may be written in another form
// than the profile's, or compressed: then its name ends so. False if no profile describes it.
func Describe(profiles []Profile, name string) (Found, bool) {
	for i := range profiles {
		for j := range profiles[i].Files {
			if found, ok := profiles[i].Files[j].find(name); ok {
				return found, true
			}
		}
	}
	return Found{}, false
}
