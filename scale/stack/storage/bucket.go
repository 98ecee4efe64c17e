package storage

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/container"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"gocloud.dev/blob"
	"gocloud.dev/blob/azureblob"
	"gocloud.dev/blob/s3blob"
)

// bucket is a bucket of S3, or a container of Azure, opened as the CLI opens it.
type bucket struct{ *blob.Bucket }

func openBucket(ctx context.Context, address *url.URL) (store, error) {
	opened := *address
	opened.Path = "" // the CLI takes the path for a folder
	if address.Scheme == s3blob.Scheme {
		opened.RawQuery = withScheme(address.Query()).Encode()
	}
	mux := blob.DefaultURLMux()
	if address.Scheme == azureblob.Scheme { // the default mux refuses a signature with a custom address
		mux = &blob.URLMux{}
		mux.RegisterBucket(azureblob.Scheme, &azureblob.URLOpener{MakeClient: azureblob.NewDefaultClient, ServiceURLOptions: *azureblob.NewDefaultServiceURLOptions()})
	}
	b, err := mux.OpenBucket(ctx, opened.String())
	if err != nil {
		return nil, err
	}
	return bucket{b}, nil
}

// withScheme puts the scheme into the address of an S3 server that has none. The old parameter disableSSL says which
// scheme; the CLI still takes this parameter, and the library does not.
func withScheme(query url.Values) url.Values {
	const parameter, endpoint = "disableSSL", "endpoint"
	scheme := "https://"
	if plain, err := strconv.ParseBool(query.Get(parameter)); err == nil && plain {
		scheme = "http://"
	}
	query.Del(parameter)
	if server := query.Get(endpoint); server != "" && !strings.Contains(server, "://") {
		query.Set(endpoint, scheme+server)
	}
	return query
}

func (b bucket) list(ctx context.Context, prefix, after string) ([]object, error) {
	found := b.List(&blob.ListOptions{Prefix: prefix, BeforeList: func(as func(any) bool) error {
		var input *s3.ListObjectsV2Input
		if after != "" && as(&input) && input.ContinuationToken == nil {
			input.StartAfter = &after
		}
		return nil
	}})
	var out []object
	for {
		o, err := found.Next(ctx)
		if errors.Is(err, io.EOF) {
			return out, nil
		}
		if err != nil {
			return nil, err
		}
		if o.Key > after {
			out = append(out, object{key: o.Key, mark: fmt.Sprint(o.Size, " ", o.ModTime.UnixNano(), " ", tag(o)), modified: o.ModTime})
		}
	}
}

// tag returns the server's mark of an object's content. The time of an object is not enough, because it is in whole
// seconds.
func tag(o *blob.ListObject) string {
	var s3Object types.Object
	var azureBlob container.BlobItem
	switch {
	case o.As(&s3Object) && s3Object.ETag != nil:
		return *s3Object.ETag
	case o.As(&azureBlob) && azureBlob.Properties != nil && azureBlob.Properties.ETag != nil:
		return string(*azureBlob.Properties.ETag)
	}
	return hex.EncodeToString(o.MD5)
}

// last lists the updates of the last minutes, and then of longer and longer times, until it has found n. A listing only
// goes forward in time, so a listing from the beginning may have thousands of updates that nobody asked for.
func (b bucket) last(ctx context.Context, prefix string, n int) ([]object, bool, error) {
	for _, back := range []time.Duration{10 * time.Minute, 6 * time.Hour, 7 * 24 * time.Hour} {
		if n == 0 {
			break
		}
		found, err := b.updates(ctx, prefix, prefix+strconv.FormatInt(time.Now().Add(-back).UnixNano(), 10))
		if err != nil {
			return nil, false, err
		}
		if len(found) >= n {
			return found[len(found)-n:], false, nil
		}
	}
	found, err := b.updates(ctx, prefix, "")
	if n > 0 && len(found) > n {
		return found[len(found)-n:], false, err
	}
	return found, true, err
}

// updates lists the updates after a key, in the order of their keys.
func (b bucket) updates(ctx context.Context, prefix, after string) ([]object, error) {
	found, err := b.list(ctx, prefix, after)
	return slices.DeleteFunc(found, func(o object) bool { return !IsUpdate(o.key) }), err
}

// atOnce is how many objects are read at the same time.
const atOnce = 20

func (b bucket) read(ctx context.Context, keys []string) ([][]byte, error) {
	texts, errs := make([][]byte, len(keys)), make([]error, len(keys))
	places := make(chan struct{}, atOnce)
	var all sync.WaitGroup
	for i, key := range keys {
		places <- struct{}{}
		all.Go(func() {
			defer func() { <-places }()
			texts[i], errs[i] = b.ReadAll(ctx, key)
		})
	}
	all.Wait()
	return texts, errors.Join(errs...)
}

func (b bucket) close() error { return b.Close() }
