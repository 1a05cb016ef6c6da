/** How AWS, or something that speaks S3, is reached. */
export interface AwsOptions {
  readonly endpointUrl?: string
  readonly profile?: string
}
