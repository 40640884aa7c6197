using InverseSolver.Reconstruction;
using InverseSolver.Reconstruction.Jobs;
using InverseSolver.Reconstruction.Mri;
using InverseSolver.Reconstruction.Solvers;

namespace InverseSolver.Service.Jobs;

/// <summary>Where a job stands. The last three are final.</summary>
internal enum JobState
{
    /// <summary>Waits for its turn.</summary>
    Queued,

    /// <summary>Is being solved.</summary>
    Running,

    /// <summary>Done; its artefacts are there.</summary>
    Succeeded,

    /// <summary>Cannot be done; <c>error</c> says why.</summary>
    Failed,

    /// <summary>Was stopped on request.</summary>
    Cancelled,
}

/// <summary>A reconstruction job.</summary>
/// <param name="Id">Its id (UUID version 7).</param>
/// <param name="State">Where it stands.</param>
/// <param name="CancelRequested">Whether it will stop at the next chance.</param>
/// <param name="Created">When it was accepted.</param>
/// <param name="Started">When it was first started.</param>
/// <param name="Finished">When it became final.</param>
/// <param name="Attempts">How often it was started; more than once when the service was lost meanwhile.</param>
/// <param name="Request">What was asked for, with all solver parameters.</param>
/// <param name="Progress">How far it is, while it runs.</param>
/// <param name="Result">The figures, once it succeeded.</param>
/// <param name="Error">What went wrong, where it failed.</param>
/// <param name="Warnings">
/// What may be wrong with the result or with the files, and what was assumed of them, in sentences to show to whoever looks at the result. What is done with every file of a kind (oversampling removed, lines turned) stands in the report's `origin.remarks` alone. What the files say is there from the start; once the job
/// has succeeded they are those of the report.
/// </param>
/// <param name="Links">Where to go from here.</param>
internal sealed record Job(
    string Id,
    JobState State,
    bool CancelRequested,
    DateTimeOffset Created,
    DateTimeOffset? Started,
    DateTimeOffset? Finished,
    int Attempts,
    StoredRequest Request,
    JobProgress? Progress,
    JobResult? Result,
    JobError? Error,
    IReadOnlyList<string> Warnings,
    JobLinks Links);

/// <summary>How far a job is.</summary>
/// <param name="Stage">What the solver is doing.</param>
/// <param name="Step">Steps done.</param>
/// <param name="Of">Steps in all.</param>
/// <param name="Residual">Sum of squared residuals over what the noise explains.</param>
/// <param name="ElapsedSeconds">Time since the start.</param>
/// <param name="EtaSeconds">Estimated time to the end.</param>
/// <param name="Frames">The frames of a stack that are being solved.</param>
internal sealed record JobProgress(string Stage, int Step, int Of, double? Residual, double ElapsedSeconds, double? EtaSeconds, FrameRange? Frames = null);

/// <summary>What a job found.</summary>
/// <param name="EffectiveSigma">The noise level that was solved for: the given sigma and the quantisation of an 8-bit measurement, or what was estimated.</param>
/// <param name="Consistency">How well the image explains the measurement.</param>
/// <param name="Quality">Agreement with the truth, where that was given.</param>
/// <param name="Frames">The same for each frame, where the measurement is a stack; the figures above are then sums (residual, expected) and means.</param>
/// <param name="Cost">What the run cost.</param>
/// <param name="Artefacts">The files.</param>
/// <param name="SigmaEstimated">Whether the noise level was estimated from the measurement.</param>
/// <param name="SigmaMethod">How, where it was.</param>
/// <param name="Baselines">The baselines' figures, where some were asked for.</param>
/// <param name="Mri">Of multi-coil MRI, how the measurement was prepared, and how well each coil is explained.</param>
/// <param name="Device">Where it was solved: <c>cpu</c> or <c>cuda:N</c>.</param>
/// <param name="Sharing">How its network calls were shared with other jobs; null where they were not.</param>
internal sealed record JobResult(
    double EffectiveSigma, ConsistencyReport Consistency, QualityReport? Quality, IReadOnlyList<FrameReport>? Frames, CostReport Cost, IReadOnlyList<Artefact> Artefacts,
    IReadOnlyList<BaselineReport>? Baselines = null, bool SigmaEstimated = false, string? SigmaMethod = null, MriReport? Mri = null, string? Device = null, SharingReport? Sharing = null);

/// <summary>Why a job failed.</summary>
/// <param name="Code">The stable code: <c>invalidInput</c>, <c>invalidFile</c>, <c>invalidModel</c>, <c>unknownModel</c>, <c>modelChanged</c>, <c>modelTooLarge</c>, <c>outOfMemory</c>, <c>timeLimit</c>, <c>lostTooOften</c> or <c>internal</c>.</param>
/// <param name="Field">The offending field of the request.</param>
/// <param name="Detail">What is wrong.</param>
/// <param name="TraceId">Finds the cause in the service's log.</param>
internal sealed record JobError(string Code, string? Field, string Detail, string? TraceId);

/// <summary>Where to go from a job.</summary>
/// <param name="Self">The job.</param>
/// <param name="Events">Its events.</param>
/// <param name="Artefacts">Its files.</param>
/// <param name="Cancel">POST here to stop it; null once it is final.</param>
internal sealed record JobLinks(string Self, string Events, string Artefacts, string? Cancel);

/// <summary>A page of jobs, newest first.</summary>
/// <param name="Items">The jobs.</param>
/// <param name="Next">The cursor of the next page; null on the last one.</param>
internal sealed record JobPage(IReadOnlyList<Job> Items, string? Next);

/// <summary>A job's files.</summary>
/// <param name="Items">The files.</param>
internal sealed record ArtefactList(IReadOnlyList<Artefact> Items);

/// <summary>One event of a job's stream.</summary>
/// <param name="Job">The job as it stands; null in a heartbeat.</param>
/// <param name="Preview">The current estimate as a PNG data URI, where there is a new one.</param>
internal sealed record JobEvent(Job? Job, string? Preview);
