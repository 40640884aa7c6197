using InverseSolver.Diffusion;

namespace InverseSolver.Reconstruction.Jobs;

/// <summary>A job that ran.</summary>
/// <param name="Plan">The job.</param>
/// <param name="Model">The model that solved it.</param>
/// <param name="Result">The result.</param>
/// <param name="Baselines">Those of the plan's baselines, in their order.</param>
public sealed record SolvedJob(JobPlan Plan, LatentModel Model, ReconstructionResult Result, IReadOnlyList<ReconstructionResult> Baselines);

/// <summary>A file that a job made.</summary>
/// <param name="Name">Its name under <c>/v1/jobs/{id}/artefacts/</c>.</param>
/// <param name="ContentType">Its media type.</param>
/// <param name="Bytes">Its size.</param>
/// <param name="Sha256">Its SHA-256 in lower-case hexadecimals; also its ETag.</param>
public sealed record Artefact(string Name, string ContentType, long Bytes, string Sha256);
