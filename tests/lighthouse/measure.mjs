// Lighthouse's scores of a page, desktop preset: node measure.mjs PORT URL RUNS [COOKIE]. One JSON line.
import lighthouse, { desktopConfig } from 'lighthouse';

const [port, url, runs, cookie] = process.argv.slice(2);
const flags = {
  port: Number(port),
  output: 'json',
  logLevel: 'error',
  onlyCategories: ['performance', 'accessibility', 'best-practices'],
  disableStorageReset: true,
  ...(cookie === undefined ? {} : { extraHeaders: { cookie } }),
};
const scores = {};
for (let run = 0; run < Number(runs); run += 1) {
  const { lhr } = await lighthouse(url, flags, desktopConfig);
  if (lhr.runtimeError !== undefined) throw new Error(lhr.runtimeError.message);
  for (const [name, { score }] of Object.entries(lhr.categories)) (scores[name] ??= []).push(Math.round(score * 100));
}
const median = (all) => all.sort((a, b) => a - b)[Math.floor(all.length / 2)];
console.log(JSON.stringify(Object.fromEntries(Object.entries(scores).map(([name, all]) => [name, median(all)]))));
