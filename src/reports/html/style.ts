/** The looks of the page. Two palettes, chosen by the reader's system; on paper the light one. */
const LIGHT =
  '--bg:#fff;--fg:#1c1f23;--dim:#5a626c;--line:#d9dde2;--soft:#f5f6f8;--proven:#2f7d5d;--invalid:#b3261e;--missing:#b85a00;--unlisted:#7a3e9d;--gap:#6b7280;--unverified:#1f5fa8;--link:#1f5fa8'
const DARK =
  '--bg:#14171a;--fg:#e6e8ea;--dim:#a3abb4;--line:#363c43;--soft:#1d2125;--proven:#59b68d;--invalid:#ff8a80;--missing:#f5a54a;--unlisted:#c99ae6;--gap:#a3abb4;--unverified:#86b8f2;--link:#8fc0ff'

export const STYLE: string = `
:root{color-scheme:light dark;${LIGHT}}
@media (prefers-color-scheme:dark){:root{${DARK}}}
@media print{:root{color-scheme:light;${LIGHT}}}
*{box-sizing:border-box}
body{margin:0 auto;max-width:68rem;padding:2.5rem 1.5rem 4rem;background:var(--bg);color:var(--fg);font:15px/1.55 system-ui,-apple-system,"Segoe UI",Roboto,sans-serif;overflow-wrap:anywhere}
h1,h2,h3,.kicker{font-family:ui-serif,Charter,Georgia,"Times New Roman",serif;font-weight:600;line-height:1.2}
h1{font-size:2.6rem;margin:.1em 0 .2em;letter-spacing:-.01em}
main>section>h2{font-size:1.45rem;margin:3rem 0 .8rem;padding-top:1.2rem;border-top:1px solid var(--line)}
p{margin:.4em 0 .8em}
a{color:var(--link)}
ul{margin:.4em 0;padding-left:1.2em}
code,pre,.exact{font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,"Liberation Mono",monospace;font-size:.87em}
time{white-space:nowrap}
.kicker{margin:0;color:var(--dim);font-size:1rem;font-weight:400;font-style:italic}
header{border-left:4px solid var(--c);padding-left:1.2rem}
header .mark{color:var(--c);font-family:system-ui,sans-serif}
.lead{font-size:1.15rem;margin:0 0 .5em;max-width:46rem}
.source{color:var(--dim);margin:0}
.valid{--c:var(--proven)}.invalid{--c:var(--invalid)}.unverified{--c:var(--unverified)}.note{--c:var(--dim)}
.cards{display:grid;grid-template-columns:repeat(auto-fit,minmax(15rem,1fr));gap:1px;margin:2rem 0 0;background:var(--line);border:1px solid var(--line)}
.cards section{background:var(--bg);padding:1rem 1.2rem}
.cards h2{font-size:1.05rem;margin:0 0 .5em}
.figures,.codes{list-style:none;padding:0;margin:0}
.figures li,.codes li{margin:.25em 0}
.figures b,.codes b{font-variant-numeric:tabular-nums}
.legend{list-style:none;padding:0;margin:0 0 1.2rem;display:grid;grid-template-columns:repeat(auto-fit,minmax(20rem,1fr));gap:.15rem 1.5rem;color:var(--dim);font-size:.87rem}
.legend b{color:var(--fg);font-weight:600}
svg{display:block;width:100%;height:16px;background:linear-gradient(var(--line),var(--line)) center/100% 1px no-repeat}
svg.swatch{display:inline-block;width:24px;height:12px;vertical-align:-1px;margin-right:.4em}
path.proven{fill:var(--proven)}path.invalid{fill:var(--invalid)}path.before{fill:none}
path.gap{fill:url(#p-gap)}path.missing{fill:url(#p-missing)}path.unlisted{fill:url(#p-unlisted)}path.unverified{fill:url(#p-unverified)}
path.invalid,path.gap,path.missing,path.unlisted,path.unverified{stroke:var(--bg);stroke-width:.75;vector-effect:non-scaling-stroke}
pattern rect{fill:var(--bg)}pattern path{fill:none;stroke:var(--c);stroke-width:1.6}pattern circle{fill:var(--c)}
.p-gap{--c:var(--gap)}.p-missing{--c:var(--missing)}.p-unlisted{--c:var(--unlisted)}.p-unverified{--c:var(--unverified)}
.p-missing rect{fill:var(--missing)}.p-missing path{stroke:var(--bg);stroke-width:1}
.p-unlisted rect{fill:var(--unlisted)}.p-unlisted circle{fill:var(--bg)}
.head,summary,.chains>li{display:grid;grid-template-columns:15rem 1fr 15rem;gap:0 1rem;align-items:center}
.axis{position:relative;overflow:hidden;height:1.3rem;font-size:.75rem;color:var(--dim);font-variant-numeric:tabular-nums}
.axis span{position:absolute;white-space:nowrap;border-left:1px solid var(--line);padding-left:.3em}
.account{border-top:1px solid var(--line)}
.account:last-of-type{border-bottom:1px solid var(--line)}
summary{cursor:pointer;padding:.45rem 0;list-style:none}
summary::-webkit-details-marker{display:none}
summary .name{font-weight:600;font-variant-numeric:tabular-nums}
summary .name::before{content:"▸";display:inline-block;width:1.1em;color:var(--dim)}
[open]>summary .name::before{content:"▾"}
summary:hover{background:var(--soft)}
:focus-visible{outline:2px solid var(--link);outline-offset:2px}
.chains{list-style:none;margin:0 0 .6rem;padding:0}
.chains>li{padding:.22rem 0;border-top:1px dotted var(--line)}
.chains .name{padding-left:1.1em}
.chains i{color:var(--dim);font-style:normal;font-size:.87em}
span.note,.hours span{color:var(--dim);font-size:.87rem;font-variant-numeric:tabular-nums}
.account.invalid>summary .note,.chains>.invalid>.note,.account.unverified>summary .note,.chains>.unverified>.note{color:var(--c)}
.hours{grid-column:2/-1;list-style:none;margin:.2rem 0 .5rem;padding:0;font-size:.87rem;font-variant-numeric:tabular-nums}
.hours b{font-weight:600;color:var(--c)}
b.gap,b.before{--c:var(--gap)}b.missing{--c:var(--missing)}
.group{border-left:3px solid var(--c);padding-left:1.1rem;margin:0 0 2rem}
h3{font-size:1.05rem;margin:0}
.tag{color:var(--c);font:600 .8rem system-ui,sans-serif;margin-left:.4em}
.count{float:right;color:var(--dim);font:400 .9rem system-ui,sans-serif}
.meaning{color:var(--dim);margin:.1em 0 .6em}
article{padding:.7rem 0;border-top:1px solid var(--line);break-inside:avoid}
h4{margin:0 0 .35em;font-weight:600}
dl{display:grid;grid-template-columns:max-content 1fr;gap:.1rem 1rem;margin:0}
dt{color:var(--dim);font-size:.87rem}
dd{margin:0;min-width:0}
pre{background:var(--soft);padding:.8rem 1rem;white-space:pre-wrap;margin:0 0 .8rem}
.scroll{overflow-x:auto}
table{border-collapse:collapse;width:100%;font-size:.9rem}
th,td{text-align:left;vertical-align:top;padding:.35rem .8rem .35rem 0;border-bottom:1px solid var(--line);font-variant-numeric:tabular-nums}
th{color:var(--dim);font-weight:400;white-space:nowrap}td.exact{white-space:nowrap}
footer{margin-top:3rem;padding-top:1rem;border-top:1px solid var(--line);color:var(--dim);font-size:.87rem}
@media (max-width:60rem){.axis span:nth-child(even){display:none}}
@media (max-width:44rem){body{padding:1.4rem 1rem 3rem}h1{font-size:2rem}.head,summary,.chains>li{grid-template-columns:minmax(0,1fr);gap:.15rem}.hours{grid-column:1}.head>span{display:none}.legend{grid-template-columns:1fr}dl{grid-template-columns:minmax(0,1fr);gap:0}dd{margin-bottom:.3rem}table{min-width:34rem}}
@media print{.axis span:nth-child(even){display:none}body{max-width:none;padding:0;font-size:10pt}details::details-content{content-visibility:visible;display:block}summary .name::before{content:none}path,pattern,svg{print-color-adjust:exact;-webkit-print-color-adjust:exact}pre{white-space:pre-wrap}a{color:inherit;text-decoration:none}h2,h3{break-after:avoid}}
`
