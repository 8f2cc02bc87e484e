// Answers the cases of retention_cases.ts with restic's own program, and writes retention.json.
//
// It needs Go. restic's packages can be used only from within its module, so this file goes into a copy of it:
//
//	go mod download -json github.com/restic/restic@v0.19.1     # prints Dir
//	cp -r DIR /tmp/restic && chmod -R u+w /tmp/restic
//	cp tests/vectors/retention_judge_test.go /tmp/restic/cmd/restic/
//	node tests/vectors/retention_cases.ts > /tmp/cases.json
//	cd /tmp/restic && CASES=/tmp/cases.json ANSWERS=PATH/OF/tests/vectors/retention.json \
//	  go test ./cmd/restic -count 1 -run TestRetentionVectors
//
// Each list of snapshots is saved in a repository. The options are read by restic's parser, and the command runs with
// --dry-run --json. Every time zone comes from the case; the machine's own plays no part.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"sort"
	"testing"
	"time"

	"github.com/restic/restic/internal/data"
	"github.com/restic/restic/internal/global"
	"github.com/restic/restic/internal/restic"
	rtest "github.com/restic/restic/internal/test"
	"github.com/restic/restic/internal/ui"
	"github.com/spf13/pflag"
)

type retentionCase struct {
	History int      `json:"history"`
	Zone    string   `json:"zone"`
	Options []string `json:"options"`
	// One of these two is the answer.
	Groups []retentionGroup `json:"groups,omitempty"`
	Error  string           `json:"error,omitempty"`
}

// Snapshots are places in their history, newest first.
type retentionGroup struct {
	// Each a snapshot, and the reasons for it, which are places in the list of all reasons.
	Keep   [][]int `json:"keep,omitempty"`
	Remove []int   `json:"remove,omitempty"`
}

func TestRetentionVectors(t *testing.T) {
	input, err := os.ReadFile(os.Getenv("CASES"))
	rtest.OK(t, err)
	var all struct {
		Source    string           `json:"source"`
		Judged    time.Time        `json:"judged"`
		Reasons   []string         `json:"reasons"`
		Histories [][][]any        `json:"histories"`
		Cases     []*retentionCase `json:"cases"`
	}
	rtest.OK(t, json.Unmarshal(input, &all))
	all.Source = "restic 0.19.1, forget --dry-run --json, by retention_judge_test.go"
	all.Judged = time.Now().UTC().Truncate(time.Second)

	numbers := make(map[string]int)
	numberOf := func(reason string) int {
		number, known := numbers[reason]
		if !known {
			number = len(all.Reasons)
			numbers[reason] = number
			all.Reasons = append(all.Reasons, reason)
		}
		return number
	}

	for number, history := range all.Histories {
		env, cleanup := withTestEnvironment(t)
		testRunInit(t, env.gopts)
		env.gopts.BackendTestHook = nil
		places := saveHistory(t, env.gopts, history)
		for _, one := range all.Cases {
			if one.History == number {
				judge(t, env.gopts, one, places, numberOf)
			}
		}
		cleanup()
	}

	answers, err := json.Marshal(all)
	rtest.OK(t, err)
	// A line for each list of snapshots and each case.
	for _, start := range []string{`{"history"`, `[["`} {
		answers = bytes.ReplaceAll(answers, []byte(start), []byte("\n"+start))
	}
	rtest.OK(t, os.WriteFile(os.Getenv("ANSWERS"), append(answers, '\n'), 0o644))
}

// saveHistory saves each snapshot as it is given: its time is text, with the zone that it was recorded in.
func saveHistory(t *testing.T, gopts global.Options, history [][]any) map[restic.ID]int {
	places := make(map[restic.ID]int)
	rtest.OK(t, withTermStatus(t, gopts, func(ctx context.Context, gopts global.Options) error {
		printer := ui.NewProgressPrinter(false, 0, gopts.Term)
		ctx, repo, unlock, err := openWithAppendLock(ctx, gopts, false, printer)
		if err != nil {
			return err
		}
		defer unlock()
		for place, fields := range history {
			text, err := json.Marshal(map[string]any{
				"time": fields[0], "hostname": fields[1], "paths": fields[2], "tags": fields[3],
				"tree": restic.Hash([]byte("tree")),
			})
			if err != nil {
				return err
			}
			var snapshot data.Snapshot
			if err := json.Unmarshal(text, &snapshot); err != nil {
				return err
			}
			id, err := data.SaveSnapshot(ctx, repo, &snapshot)
			if err != nil {
				return err
			}
			places[id] = place
		}
		return nil
	}))
	return places
}

func judge(
	t *testing.T, gopts global.Options, one *retentionCase, places map[restic.ID]int, numberOf func(string) int,
) {
	zone, err := time.LoadLocation(one.Zone)
	rtest.OK(t, err)
	machine := time.Local
	time.Local = zone
	defer func() { time.Local = machine }()

	var options ForgetOptions
	flags := pflag.NewFlagSet("forget", pflag.ContinueOnError)
	options.AddFlags(flags)
	rtest.OK(t, flags.Parse(append([]string{"--dry-run"}, one.Options...)))
	output, err := withCaptureStdout(t, gopts, func(ctx context.Context, gopts global.Options) error {
		gopts.JSON = true
		return runForget(ctx, options, PruneOptions{MaxUnused: "5%"}, gopts, gopts.Term, nil)
	})
	if err != nil {
		one.Error = err.Error()
		return
	}
	var groups []*ForgetGroup
	rtest.OK(t, json.Unmarshal(output.Bytes(), &groups))
	// restic's order of groups is left to chance. No two have the same host, paths and tags.
	sort.Slice(groups, func(i, j int) bool {
		key := func(group *ForgetGroup) string {
			text, err := json.Marshal([]any{group.Host, group.Paths, group.Tags})
			rtest.OK(t, err)
			return string(text)
		}
		return key(groups[i]) < key(groups[j])
	})
	for _, group := range groups {
		var answer retentionGroup
		for i, snapshot := range group.Keep {
			kept := []int{places[*snapshot.ID]}
			for _, reason := range group.Reasons[i].Matches {
				kept = append(kept, numberOf(reason))
			}
			answer.Keep = append(answer.Keep, kept)
		}
		for _, snapshot := range group.Remove {
			answer.Remove = append(answer.Remove, places[*snapshot.ID])
		}
		one.Groups = append(one.Groups, answer)
	}
}
