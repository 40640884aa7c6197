using InverseSolver.Diffusion;
using InverseSolver.Reconstruction.Solvers;

namespace InverseSolver.Reconstruction.Jobs;

/// <summary>A job that ran.</summary>
/// <param name="Plan">The job.</param>
/// <param name="Model">The model that solved it.</param>
/// <param name="Result">The result.</param>
/// <param name="Baselines">Those of the plan's baselines, in their order.</param>
public sealed record SolvedJob(JobPlan Plan, LatentModel Model, ReconstructionResult Result, IReadOnlyList<ReconstructionResult> Baselines)
{
    /// <summary>Solves a job on the calling thread: its solver, then its baselines.</summary>
    /// <param name="plan">The job.</param>
    /// <param name="model">The model.</param>
    /// <param name="progress">Called on this thread after steps.</param>
    /// <param name="cancellation">Checked between network and decoder calls.</param>
    /// <param name="checkpoint">The position to go on from, which moves with the run; null: from the beginning, and nothing is saved.</param>
    public static SolvedJob Run(
        JobPlan plan, LatentModel model, Action<SolverProgress> progress, CancellationToken cancellation, JobCheckpoint? checkpoint = null)
    {
        ReconstructionResult result = Reconstructor.Run(model, plan.Checked, checkpoint?.Run(0), progress, cancellation);
        var baselines = new List<ReconstructionResult>();
        foreach (Baseline baseline in plan.Baselines)
        {
            baselines.Add(baseline.Run(model, plan.Checked, checkpoint?.Run(1 + baselines.Count), progress, cancellation));
        }

        return new SolvedJob(plan, model, result, baselines);
    }
}

/// <summary>A file that a job made.</summary>
/// <param name="Name">Its name under <c>/v1/jobs/{id}/artefacts/</c>.</param>
/// <param name="ContentType">Its media type.</param>
/// <param name="Bytes">Its size.</param>
/// <param name="Sha256">Its SHA-256 in lower-case hexadecimals; also its ETag.</param>
public sealed record Artefact(string Name, string ContentType, long Bytes, string Sha256);
