//go:build unix

package testservices

import (
	"fmt"
	"os/exec"
	"path/filepath"
)

// addDaemons adds what works in the background. Updaters and the replicator of objects look after all devices of this
// machine; a replicator of accounts or containers after those of one port.
func (s *Swift) addDaemons(v swiftValues, o SwiftOptions) error {
	configs := map[string][]string{
		"container-updater": {"container-0"},
		"object-updater":    {"object-0"},
	}
	if o.Cluster {
		configs["account-replicator"] = []string{"account-0"}
		configs["container-replicator"] = []string{"container-0", "container-1", "container-2"}
		configs["object-replicator"] = []string{"object-0", "object-1", "object-2"}
	}
	for program, all := range configs {
		for _, config := range all {
			if err := s.addDaemon(program, filepath.Join(v.Etc, config+".conf"), program+" of "+config); err != nil {
				return err
			}
		}
	}
	config, err := v.write("object-expirer", "object-expirer", 0)
	if err != nil {
		return err
	}
	return s.addDaemon("object-expirer", config, "object-expirer")
}

func (s *Swift) addDaemon(program, config, name string) error {
	path, err := swiftProgram("swift-" + program)
	if err != nil {
		return err
	}
	s.daemons = append(s.daemons, &Server{Name: name, dir: s.dir, command: []string{path, config}, forker: s.forker})
	return nil
}

// addRsync adds what replicators send whole databases and objects by.
func (s *Swift) addRsync(v swiftValues) (string, error) {
	path, err := exec.LookPath("rsync")
	if err != nil {
		return "", fmt.Errorf("rsync %w", ErrNotInstalled)
	}
	port, err := findPort()
	if err != nil {
		return "", err
	}
	config, err := v.write("rsyncd", "rsyncd", port)
	if err != nil {
		return "", err
	}
	s.servers = append(s.servers, &Server{Name: "rsync", Address: address(port), dir: s.dir,
		command: []string{path, "--daemon", "--no-detach", "--config", config}})
	return "rsync://" + address(port), nil
}
