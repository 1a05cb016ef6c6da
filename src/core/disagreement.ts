/**
 * Two implementations that must agree did not: a defect of one of them, or of this machine. It says nothing about the trail,
 * so it is no finding, and no run goes on after it.
 */
export class Disagreement extends Error {
  override readonly name = 'Disagreement'
}
