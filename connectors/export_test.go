package connectors

// FailWrites makes the spool's disk answer every write with an error.
func (s *Spool) FailWrites(err error) {
	create := s.create
	s.create = func(dir string) (spoolFile, error) {
		file, createErr := create(dir)
		return failingFile{file, err}, createErr
	}
}

type failingFile struct {
	spoolFile
	err error
}

func (f failingFile) Write([]byte) (int, error) { return 0, f.err }
