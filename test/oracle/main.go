// Oracle answers what golang.org/x/mod says, for tests that compare Stoa's own rules with it.
//
// Each line of standard input is a JSON array of questions, each line of standard output the JSON array of answers in
// the same order. A question is an array: the name of a function and its arguments. An answer is {"ok": value} or
// {"error": message}.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
)

type question []json.RawMessage

type answer struct {
	Ok    any    `json:"ok,omitempty"`
	Error string `json:"error,omitempty"`
}

func main() {
	in := bufio.NewReaderSize(os.Stdin, 1<<20)
	out := bufio.NewWriterSize(os.Stdout, 1<<20)
	for {
		line, err := in.ReadBytes('\n')
		if err == io.EOF {
			return
		}
		if err != nil {
			fail(err)
		}
		var questions []question
		if err := json.Unmarshal(line, &questions); err != nil {
			fail(err)
		}
		answers := make([]answer, len(questions))
		for i, q := range questions {
			answers[i] = answerOne(q)
		}
		encoder := json.NewEncoder(out)
		encoder.SetEscapeHTML(false)
		if err := encoder.Encode(answers); err != nil {
			fail(err)
		}
		if err := out.Flush(); err != nil {
			fail(err)
		}
	}
}

// answerOne turns an error, and the panic of a function that was not made for such input, into an answer.
func answerOne(q question) (a answer) {
	defer func() {
		if r := recover(); r != nil {
			a = answer{Error: fmt.Sprint("panic: ", r)}
		}
	}()
	var name string
	if err := json.Unmarshal(q[0], &name); err != nil {
		fail(err)
	}
	ask, ok := functions[name]
	if !ok {
		fail(fmt.Errorf("no function is named %q", name))
	}
	value, err := ask(q[1:])
	if err != nil {
		return answer{Error: "error: " + err.Error()}
	}
	return answer{Ok: value}
}

// fail ends the oracle: the question itself was wrong.
func fail(err error) {
	fmt.Fprintln(os.Stderr, "oracle:", err)
	os.Exit(1)
}

// arg decodes one argument.
func arg[T any](args []json.RawMessage, i int) T {
	var value T
	if err := json.Unmarshal(args[i], &value); err != nil {
		fail(err)
	}
	return value
}
