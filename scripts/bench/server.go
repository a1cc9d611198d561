package main

import (
	"net"
	"net/http"
	"strings"
	"sync"
)

// server serves a directory over HTTP on this machine, and counts the bytes of each directory in it.
type server struct {
	address string
	stop    func() error

	mutex sync.Mutex
	sent  map[string]int64
}

// serve begins to serve a directory.
func serve(directory string) (*server, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	s := &server{address: "http://" + listener.Addr().String(), sent: map[string]int64{}}
	files := http.FileServer(http.Dir(directory))
	web := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		first, _, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
		files.ServeHTTP(&counted{w, s, first}, r)
	})}
	ended := make(chan struct{})
	go func() { defer close(ended); _ = web.Serve(listener) }()
	s.stop = func() error { defer func() { <-ended }(); return web.Close() }
	return s, nil
}

func (s *server) url(directory string) string { return s.address + "/" + directory }

// count gives what tells how many bytes of content were sent from a directory so far.
func (s *server) count(directory string) func() int64 {
	return func() int64 {
		s.mutex.Lock()
		defer s.mutex.Unlock()
		return s.sent[directory]
	}
}

// counted counts what is written to a client. It hides ReadFrom, so that each byte is seen.
type counted struct {
	http.ResponseWriter
	server    *server
	directory string
}

func (c *counted) Write(content []byte) (int, error) {
	n, err := c.ResponseWriter.Write(content)
	c.server.mutex.Lock()
	defer c.server.mutex.Unlock()
	c.server.sent[c.directory] += int64(n)
	return n, err
}
