/** The arrows of docs/architecture.md. Imports point at core; nothing points out of it. */
const SDK = '(^|node_modules/)(@aws-sdk|@smithy)/'

/** @type {import('dependency-cruiser').IConfiguration} */
module.exports = {
  forbidden: [
    { name: 'no-cycles', severity: 'error', from: {}, to: { circular: true } },
    { name: 'no-orphans', severity: 'error', from: { orphan: true, pathNot: ['^src/(index|s3)\\.ts$', '\\.d\\.ts$'] }, to: {} },
    { name: 'only-known-modules', severity: 'error', from: {}, to: { couldNotResolve: true } },
    {
      name: 'no-dev-dependencies',
      severity: 'error',
      from: { path: '^src' },
      // Optional peers, installed for the tests.
      to: { dependencyTypes: ['npm-dev', 'npm-no-pkg'], pathNot: 'node_modules/(@napi-rs/xattr|bullmq|ioredis)' },
    },
    {
      name: 'core-is-pure',
      comment: 'core does no I/O: of the platform it knows node:crypto, and node:module to load its one package, node-forge.',
      severity: 'error',
      from: { path: '^src/core/' },
      to: { pathNot: ['^src/core/', '^(node:)?(crypto|module)$', 'node_modules/(@types/)?node-forge/'] },
    },
    {
      name: 'reports-know-core-only',
      severity: 'error',
      from: { path: '^src/reports/' },
      to: { path: '^src/', pathNot: ['^src/reports/', '^src/core/', '^src/errors\\.ts$'] },
    },
    {
      name: 'sources-know-core-only',
      severity: 'error',
      from: { path: '^src/sources/' },
      to: { path: '^src/', pathNot: ['^src/sources/', '^src/core/', '^src/aws/', '^src/errors\\.ts$'] },
    },
    {
      name: 'keys-know-core-only',
      severity: 'error',
      from: { path: '^src/keys/' },
      to: { path: '^src/', pathNot: ['^src/keys/', '^src/core/', '^src/aws/', '^src/errors\\.ts$'] },
    },
    {
      name: 'trails-know-core-only',
      severity: 'error',
      from: { path: '^src/trails/' },
      to: { path: '^src/', pathNot: ['^src/trails/', '^src/core/', '^src/aws/', '^src/errors\\.ts$'] },
    },
    {
      name: 'attest-knows-core-only',
      severity: 'error',
      from: { path: '^src/attest/' },
      to: { path: '^src/', pathNot: ['^src/attest/', '^src/core/', '^src/errors\\.ts$'] },
    },
    {
      name: 'engine-knows-no-store',
      comment: 'The engine sees the types of a source and of a key source, never an implementation.',
      severity: 'error',
      from: { path: '^src/engine/' },
      to: {
        path: '^src/',
        pathNot: [
          '^src/engine/',
          '^src/core/',
          '^src/(channels|errors|version)\\.ts$',
          '^src/sources/(source|source-address|metadata-file)\\.ts$',
          '^src/keys/key-source\\.ts$',
        ],
      },
    },
    {
      name: 'cluster-knows-no-trail',
      severity: 'error',
      from: { path: '^src/cluster/' },
      to: { path: '^src/', pathNot: ['^src/cluster/', '^src/core/', '^src/aws/', '^src/errors\\.ts$'] },
    },
    {
      name: 'only-a-cluster-knows-redis',
      comment: 'BullMQ and ioredis are optional: no other part can need them.',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/cluster/redis\\.ts$' },
      to: { path: 'node_modules/(bullmq|ioredis)/', dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'state-knows-the-engines-types',
      comment: 'What a run may take over, as the engine says it: never how a run goes.',
      severity: 'error',
      from: { path: '^src/state/' },
      to: {
        path: '^src/',
        pathNot: ['^src/state/', '^src/core/', '^src/errors\\.ts$', '^src/engine/(run-state|whole-body)\\.ts$'],
      },
    },
    { name: 'only-cli-knows-cli', severity: 'error', from: { pathNot: '^src/cli/' }, to: { path: '^src/cli/' } },
    {
      name: 'the-sdk-has-three-doors',
      comment: 'Only the S3 source, the CloudTrail key source and the questions about a trail know the AWS SDK.',
      severity: 'error',
      from: {
        path: '^src/',
        pathNot: [
          '^src/sources/s3[^/]*\\.ts$',
          '^src/sources/s3/',
          '^src/keys/cloudtrail[^/]*\\.ts$',
          '^src/trails/',
          '^src/aws/',
        ],
      },
      to: { path: SDK },
    },
    {
      name: 'aws-is-loaded-on-demand',
      comment: 'A directory run never loads the SDK: its doors are only ever imported dynamically, but by src/s3.ts.',
      severity: 'error',
      from: { path: '^src/(cli|engine|reports|core|index\\.ts)' },
      to: { path: '^src/(s3\\.ts|sources/s3|keys/cloudtrail|trails/)', dependencyTypesNot: ['dynamic-import', 'type-only'] },
    },
  ],
  options: {
    tsConfig: { fileName: 'tsconfig.json' },
    tsPreCompilationDeps: true,
    doNotFollow: { path: 'node_modules' },
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['import', 'node', 'default'] },
  },
}
