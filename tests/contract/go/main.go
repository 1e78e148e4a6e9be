// Command contract calls a running bridge the way old Go programs do and decodes what comes.
//
// It reads one JSON call per line from standard input and answers each with one line:
// {"ok":true,"body":…} or {"ok":false,"problem":"…"}. A redirect, any status but 200, a
// missing frozen field or a value Go cannot decode is a problem.
package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"reflect"
	"strings"
	"time"
)

type call struct {
	Method  string            `json:"method"`
	URL     string            `json:"url"`
	Headers map[string]string `json:"headers"`
	Body    string            `json:"body"`
	Shape   string            `json:"shape"`
}

type answer struct {
	OK      bool            `json:"ok"`
	Problem string          `json:"problem,omitempty"`
	Body    json.RawMessage `json:"body,omitempty"`
}

func main() {
	client := &http.Client{
		Timeout: 30 * time.Second,
		CheckRedirect: func(*http.Request, []*http.Request) error {
			return errors.New("redirected")
		},
	}
	lines := bufio.NewScanner(os.Stdin)
	out := json.NewEncoder(os.Stdout)
	for lines.Scan() {
		if err := out.Encode(run(client, lines.Bytes())); err != nil {
			os.Exit(1)
		}
	}
}

func run(client *http.Client, line []byte) answer {
	var c call
	if err := json.Unmarshal(line, &c); err != nil {
		return answer{Problem: "call: " + err.Error()}
	}
	body, err := fetch(client, c)
	if err != nil {
		return answer{Problem: fmt.Sprintf("%v: %.400s", err, body)}
	}
	shape := newShape(c.Shape)
	if shape == nil {
		return answer{Problem: "no shape named " + c.Shape}
	}
	if err := json.Unmarshal(body, shape); err != nil {
		return answer{Problem: fmt.Sprintf("%v: %.400s", err, body)}
	}
	if missing := absent(reflect.ValueOf(shape).Elem(), ""); missing != "" {
		return answer{Problem: fmt.Sprintf("%s is missing or null: %.400s", missing, body)}
	}
	return answer{OK: true, Body: body}
}

func fetch(client *http.Client, c call) ([]byte, error) {
	request, err := http.NewRequest(c.Method, c.URL, strings.NewReader(c.Body))
	if err != nil {
		return nil, err
	}
	for name, value := range c.Headers {
		request.Header.Set(name, value)
	}
	response, err := client.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, 8<<20))
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("status %d", response.StatusCode)
	}
	return body, err
}

// absent returns the path of the first frozen field that was not there or null.
func absent(value reflect.Value, path string) string {
	switch value.Kind() {
	case reflect.Pointer:
		if value.IsNil() {
			return path
		}
		return absent(value.Elem(), path)
	case reflect.Slice:
		for i := range value.Len() {
			if missing := absent(value.Index(i), fmt.Sprintf("%s[%d]", path, i)); missing != "" {
				return missing
			}
		}
	case reflect.Struct:
		if value.Type() == reflect.TypeFor[time.Time]() {
			return ""
		}
		return absentField(value, path)
	}
	return ""
}

func absentField(value reflect.Value, path string) string {
	for i := range value.NumField() {
		field := value.Type().Field(i)
		if field.Tag.Get("null") == "ok" && value.Field(i).IsNil() {
			continue
		}
		if missing := absent(value.Field(i), path+"."+field.Tag.Get("json")); missing != "" {
			return missing
		}
	}
	return ""
}
