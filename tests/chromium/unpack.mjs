// Unpacks the browser of `@sparticuz/chromium`: node unpack.mjs BIN TARGET
// The package's own loader unpacks into /tmp at each start; here it is done once, at set-up.
import { execFileSync } from "node:child_process";
import {
  chmodSync, createReadStream, createWriteStream, mkdirSync, rmSync, writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { createBrotliDecompress } from "node:zlib";

const [bin, target] = process.argv.slice(2);
mkdirSync(target, { recursive: true });

async function decompress(name, to) {
  await pipeline(createReadStream(join(bin, name)), createBrotliDecompress(), createWriteStream(to));
}

await decompress("chromium.br", join(target, "chromium"));
chmodSync(join(target, "chromium"), 0o755);
// Libraries that a bare machine lacks (NSS and its kin), and fonts with their configuration.
for (const name of ["al2023", "fonts"]) {
  const archive = join(target, `${name}.tar`);
  await decompress(`${name}.tar.br`, archive);
  execFileSync("tar", ["-xf", archive, "-C", target, "--no-same-owner"]);
  rmSync(archive);
}

// Its own configuration points into /tmp.
writeFileSync(
  join(target, "fonts.conf"),
  `<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig>
  <dir prefix="relative">fonts</dir>
  <dir>/usr/share/fonts</dir>
  <cachedir prefix="xdg">fontconfig</cachedir>
</fontconfig>
`,
);
