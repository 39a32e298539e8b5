/** Uploads: bytes in, a blob's id out, with how far it is. */
import type { UploadOptions } from "./api.js";
import type { BlobMade } from "./protocol/index.js";
import { Refused, Unreachable, refusalOf } from "./refused.js";

/** `XMLHttpRequest` and not `fetch`, which does not tell how much is sent. */
export function sendBlob(url: string, bytes: Blob, token: string, opts: UploadOptions): Promise<BlobMade> {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    const broken = (): void => reject(new Unreachable("an upload had no answer"));
    request.open("POST", opts.as ? `${url}?as=${opts.as}` : url);
    request.setRequestHeader("authorization", `Bearer ${token}`);
    request.setRequestHeader("content-type", "application/octet-stream");
    request.responseType = "json";
    request.upload.onprogress = (it) => opts.onprogress?.(it.lengthComputable ? it.loaded / it.total : 0);
    request.onload = () => {
      if (request.status === 201) resolve(request.response as BlobMade);
      else
        reject(
          new Refused(refusalOf(request.status, request.response, request.getResponseHeader("retry-after"))),
        );
    };
    request.onerror = broken;
    request.onabort = broken;
    opts.signal?.addEventListener("abort", () => request.abort());
    request.send(bytes);
  });
}
