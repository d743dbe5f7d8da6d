package servers

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
)

const (
	kafkaVersion = "4.3.1"
	kafkaRemedy  = "`make deps` installs it; elsewhere than on Debian: put java (17 or later) and mvn on the PATH"
)

var (
	//go:embed pom.xml
	pom []byte
	//go:embed log4j2.properties
	log4j []byte
)

// FetchKafka returns the folder that has the broker's jars, and fetches them first where that has not been done. The
// folder is FORMSTREAM_KAFKA_HOME, or one in the user's cache. Several processes may call it at a time.
func FetchKafka(ctx context.Context) (string, error) {
	if _, err := exec.LookPath("java"); err != nil {
		return "", &MissingError{Server: "Kafka", Remedy: kafkaRemedy}
	}
	home, err := kafkaHome()
	if err != nil {
		return "", err
	}
	if err := os.MkdirAll(home, 0o750); err != nil {
		return "", fmt.Errorf("fetch Kafka: %w", err)
	}
	unlock, err := Lock(filepath.Join(home, "lock"))
	if err != nil {
		return "", err
	}
	defer unlock()
	complete := filepath.Join(home, "complete")
	if _, err := os.Stat(complete); err == nil {
		return home, nil
	}
	if err := fetch(ctx, home); err != nil {
		return "", err
	}
	return home, os.WriteFile(complete, nil, 0o600)
}

func kafkaHome() (string, error) {
	if home := os.Getenv("FORMSTREAM_KAFKA_HOME"); home != "" {
		return home, nil
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("find a folder for Kafka: %w; set FORMSTREAM_KAFKA_HOME", err)
	}
	return filepath.Join(cache, "formstream", "kafka-"+kafkaVersion), nil
}

func fetch(ctx context.Context, home string) error {
	mvn, err := exec.LookPath("mvn")
	if err != nil {
		return &MissingError{Server: "Kafka", Remedy: kafkaRemedy}
	}
	err = errors.Join(os.WriteFile(filepath.Join(home, "pom.xml"), pom, 0o600), os.WriteFile(filepath.Join(home, "log4j2.properties"), log4j, 0o600))
	if err != nil {
		return fmt.Errorf("fetch Kafka: %w", err)
	}
	cmd := exec.CommandContext(ctx, mvn, "-q", "-B", "-ntp", "-f", filepath.Join(home, "pom.xml"), "dependency:copy-dependencies", //nolint:gosec // our own words
		"-DincludeScope=runtime", "-DoutputDirectory="+filepath.Join(home, "lib"))
	if out, err := cmd.CombinedOutput(); err != nil {
		return &MissingError{Server: "Kafka", Err: fmt.Errorf("mvn: %w: %s", err, lastOf(out)), Remedy: "can this machine reach Maven's repository?"}
	}
	return nil
}

func lastOf(out []byte) []byte {
	const most = 1000
	return out[max(0, len(out)-most):]
}

// Lock takes a lock that processes share through the file, and waits for it. It is given back by the function returned,
// or by the end of the process.
func Lock(path string) (unlock func(), err error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600) //nolint:gosec // the caller's path
	if err != nil {
		return nil, fmt.Errorf("lock: %w", err)
	}
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX); err != nil {
		return nil, errors.Join(fmt.Errorf("lock %s: %w", path, err), file.Close())
	}
	return func() { _ = file.Close() }, nil
}
