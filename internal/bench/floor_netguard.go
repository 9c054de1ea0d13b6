package main

import (
	"context"
	"io"
	"net/http"
	"time"
)

// floorClient is what a program that trusts its hosts would use.
func floorClient() *http.Client {
	return &http.Client{Transport: &http.Transport{ForceAttemptHTTP2: true, MaxIdleConnsPerHost: 4}, Timeout: 30 * time.Second}
}

// floorGet fetches a URL and reads it to its end.
func floorGet(ctx context.Context, client *http.Client, url string) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return err
	}
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, response.Body)
	if closed := response.Body.Close(); err == nil {
		err = closed
	}
	return err
}
