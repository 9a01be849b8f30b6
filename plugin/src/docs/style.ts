const light = `--paper:#fff;--card:#fff;--ink:#1c2530;--muted:#5b6775;--line:#dbe1e8;--soft:#f3f5f8;--link:#0b57c2;
--attempt:#2f6fd0;--on-attempt:#fff;--wait:#c77700;--jitter:#f6d79b;--late:#9aa5b1;--deadline:#c0262d;--silence:#7a3fb5;
--box:#eef4fc;--box-line:#9dbbe6;--end:#f3f5f8;--end-line:#b6c0cb`;
const dark = `--paper:#12171d;--card:#181f27;--ink:#e4e9ef;--muted:#9eabb9;--line:#303b47;--soft:#1f2832;--link:#7db2ff;
--attempt:#5b95ee;--on-attempt:#0b1420;--wait:#e8a33d;--jitter:#5a4620;--late:#74818f;--deadline:#ff7b7b;--silence:#c79bf2;
--box:#1b2a3f;--box-line:#3f639a;--end:#222b35;--end-line:#4b5968`;

/** The colours of drawings, by what their shapes are. */
const shapes = `.drawing{font:12px ui-sans-serif,system-ui,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif}
.drawing text{fill:var(--ink)}
.drawing .small{fill:var(--muted);font-size:11px}
.drawing .strong{font-weight:600}
.drawing .onBar{fill:var(--on-attempt);font-size:11px}
.drawing .onDeadline{fill:var(--deadline);font-size:11px;font-weight:600}
.drawing .onSilence{fill:var(--silence);font-size:11px;font-weight:600}
.drawing .paper{fill:var(--card)}
.drawing .attempt{fill:var(--attempt);stroke:none}
.drawing .cut{fill:none;stroke:var(--late);stroke-dasharray:3 2}
.drawing .late{fill:var(--soft);stroke:var(--late);stroke-dasharray:3 2}
.drawing .wait{fill:var(--wait);stroke:none}
.drawing .jitter{fill:var(--jitter);stroke:none}
.drawing .deadline{fill:none;stroke:var(--deadline);stroke-width:2}
.drawing .silence{fill:none;stroke:var(--silence);stroke-width:1.5;stroke-dasharray:4 3}
.drawing .grid{stroke:var(--line)}
.drawing .axis{fill:none;stroke:var(--muted)}
.drawing .box{fill:var(--box);stroke:var(--box-line)}
.drawing .end{fill:var(--end);stroke:var(--end-line)}
.drawing .maybe{fill:none;stroke:var(--box-line);stroke-dasharray:4 3}
.drawing .group{fill:none;stroke:var(--muted);stroke-dasharray:2 3}
.drawing .wire{fill:none;stroke:var(--muted);stroke-width:1.5}`;

const oneLine = (css: string): string => css.replaceAll("\n", "");

/** The style of a drawing that is a file of its own. */
export const drawingStyle = oneLine(`:root{${light}}\n@media (prefers-color-scheme:dark){:root{${dark}}}\n${shapes}`);

/** The style of a page: light and dark, narrow and wide, screen and paper. */
export const pageStyle = `:root{color-scheme:light dark;${oneLine(light)}}
@media screen and (prefers-color-scheme:dark){:root{${oneLine(dark)}}}
*{box-sizing:border-box}
html{scroll-padding-top:1rem;-webkit-text-size-adjust:100%}
body{margin:0;background:var(--paper);color:var(--ink);font:16px/1.55 ui-sans-serif,system-ui,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif}
main{max-width:64rem;margin:0 auto;padding:1.5rem 1rem 4rem}
h1,h2,h3{line-height:1.25;overflow-wrap:anywhere}
h1{font-size:1.75rem;margin:.5rem 0 1rem}
h2{font-size:1.3rem;margin:0 0 .75rem}
h3{font-size:.95rem;margin:1.75rem 0 .5rem;color:var(--muted);font-weight:600}
main>h2{margin-top:2.5rem}
p,ul{margin:.5rem 0;max-width:46rem}
a{color:var(--link);text-decoration-thickness:1px;text-underline-offset:2px}
h2 a,h1 a{color:inherit;text-decoration:none}
h2 a:hover,h2 a:focus-visible{text-decoration:underline}
code{font:.875em ui-monospace,SFMono-Regular,Menlo,Consolas,"Liberation Mono",monospace;background:var(--soft);border-radius:4px;padding:.1em .3em;overflow-wrap:anywhere}
.muted{color:var(--muted)}
section{background:var(--card);border:1px solid var(--line);border-radius:10px;padding:1.25rem;margin:1.25rem 0}
dl{display:grid;grid-template-columns:max-content minmax(0,1fr);gap:.3rem 1.25rem;margin:.75rem 0}
dt{color:var(--muted)}
dd{margin:0;overflow-wrap:anywhere}
table{border-collapse:collapse;table-layout:fixed;width:100%;font-size:.9rem;line-height:1.45}
caption{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%);white-space:nowrap}
th,td{text-align:left;vertical-align:top;padding:.3rem .75rem .3rem 0;border-bottom:1px solid var(--line);overflow-wrap:anywhere}
th{color:var(--muted);font-weight:600;white-space:nowrap}
tr:last-child td{border-bottom:0}
.table{position:relative;margin:.75rem 0}
.figures{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,20rem),1fr));gap:1rem 2rem;align-items:start;margin:1.25rem 0 .5rem}
figure{margin:0;min-width:0}
figure svg{display:block;width:100%;height:auto;max-width:26rem}
figcaption{color:var(--muted);font-size:.85rem;line-height:1.45;margin-top:.5rem;max-width:26rem}
${shapes}
@media screen and (max-width:46rem){
section{padding:1rem .85rem}
thead{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%)}
table,tbody{display:block}
colgroup{display:none}
tr{display:block;padding:.4rem 0;border-bottom:1px solid var(--line)}
tr:last-child{border-bottom:0}
td{display:grid;grid-template-columns:6.5rem minmax(0,1fr);border:0;padding:0}
td::before{content:attr(data-label);color:var(--muted)}
td:first-child{display:block;font-weight:600}
td:first-child::before{content:none}
td.none{display:none}
}
@media print{
body{font-size:10pt}
table{font-size:8pt}
main{max-width:none;padding:0}
section{border:0;border-top:1px solid var(--line);border-radius:0;padding:1rem 0 0}
figure,tr,dl{break-inside:avoid}
h1,h2,h3{break-after:avoid}
.drawing,.drawing *{print-color-adjust:exact;-webkit-print-color-adjust:exact}
a{color:inherit;text-decoration:none}
}
`;
