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
	Name  string // path relative to the county folder, with /
	Path  string // where it lies; "": in the county folder, under its name
	Month schemas.Month
	Bytes int64
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
	there := map[*File]bool{}
	for _, name := range names {
		file, month := Describe(profiles, name)
		if file == nil {
			folder.Unknown = append(folder.Unknown, name)
			continue
		}
		there[file] = true
		found := Found{File: file, Name: name, Month: month}
		if stat, err := os.Stat(filepath.Join(dir, filepath.FromSlash(name))); err == nil { // else reading it says why not
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

// Describe finds the file of a profile that a path relative to the county folder belongs to, and its
// payment month, if its name holds one; nil if there is none.
func Describe(profiles []Profile, name string) (*File, schemas.Month) {
	for i := range profiles {
		for j := range profiles[i].Files {
			if month, ok := profiles[i].Files[j].Match(name); ok {
				return &profiles[i].Files[j], month
			}
		}
	}
	return nil, 0
}
