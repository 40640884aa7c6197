using System.Text.Json;
using InverseSolver.Reconstruction.Jobs;
using InverseSolver.Service.Jobs;
using InverseSolver.Service.Webhooks;

namespace InverseSolver.Service.Storage;

/// <summary>A job in the database.</summary>
internal sealed record JobRow
{
    /// <summary>Its id.</summary>
    public string Id { get; init; } = "";

    /// <summary>Its state in lower case.</summary>
    public string State { get; init; } = "";

    /// <summary>The version, which grows with every change; the id of the corresponding event.</summary>
    public long Version { get; init; }

    /// <summary>Unix milliseconds.</summary>
    public long Created { get; init; }

    /// <summary>Unix milliseconds.</summary>
    public long? Started { get; init; }

    /// <summary>Unix milliseconds.</summary>
    public long? Finished { get; init; }

    /// <summary>The epoch, which grows with every claim and invalidates earlier holders.</summary>
    public long Epoch { get; init; }

    /// <summary>The number of claims, without releases.</summary>
    public long Attempts { get; init; }

    /// <summary>The number of claims, without releases, since its checkpoints last advanced.</summary>
    public long Stalls { get; init; }

    /// <summary>The file of its newest checkpoint; null where it has none.</summary>
    public string? Checkpoint { get; init; }

    /// <summary>The SHA-256 of that file in lower-case hexadecimals.</summary>
    public string? CheckpointHash { get; init; }

    /// <summary>Steps that were done at that checkpoint.</summary>
    public long CheckpointSteps { get; init; }

    /// <summary>When it and its files are deleted, unix milliseconds; null while it is not final.</summary>
    public long? Expires { get; init; }

    /// <summary>True once its listeners were told that it expires.</summary>
    public bool ExpiryWarned { get; init; }

    /// <summary>True once its input files were deleted.</summary>
    public bool InputsDeleted { get; init; }

    /// <summary>True where it was asked to stop.</summary>
    public bool CancelRequested { get; init; }

    /// <summary>A <see cref="StoredRequest"/> as JSON.</summary>
    public string Request { get; init; } = "";

    /// <summary>A <see cref="JobProgress"/> as JSON.</summary>
    public string? Progress { get; init; }

    /// <summary>A <see cref="JobResult"/> as JSON.</summary>
    public string? Result { get; init; }

    /// <summary>A <see cref="JobError"/> as JSON.</summary>
    public string? Error { get; init; }

    /// <summary>The warnings, a list of sentences as JSON.</summary>
    public string? Warnings { get; init; }

    /// <summary>The hash of the request under an idempotency key.</summary>
    public string BodyHash { get; init; } = "";

    /// <summary>The model and version whose network calls it may share with other jobs; null where it may not.</summary>
    public string? Sharing { get; init; }

    /// <summary>A <see cref="WebhookTarget"/> as JSON.</summary>
    public string? Webhook { get; init; }

    /// <summary>The fate of the webhook's newest message as JSON.</summary>
    public string? WebhookDelivery { get; init; }

    /// <summary>Who sent it.</summary>
    public string Caller { get; init; } = "";

    /// <summary>True where the state is final.</summary>
    public bool IsFinal => State is "succeeded" or "failed" or "cancelled";

    /// <summary>The job in the API's form. What cannot be read of a damaged row is null, and a warning says so.</summary>
    /// <param name="withRequest">False to leave the request out.</param>
    /// <param name="withResult">False to leave the result out.</param>
    public Job ToJob(bool withRequest = true, bool withResult = true)
    {
        string self = $"/v1/jobs/{Id}";
        bool damaged = false;
        string[] warnings = Read<string[]>(Warnings) ?? [];
        var job = new Job(
            Id,
            Enum.Parse<JobState>(State, ignoreCase: true),
            CancelRequested,
            DateTimeOffset.FromUnixTimeMilliseconds(Created),
            Started is { } started ? DateTimeOffset.FromUnixTimeMilliseconds(started) : null,
            Finished is { } finished ? DateTimeOffset.FromUnixTimeMilliseconds(finished) : null,
            Expires is { } expires ? DateTimeOffset.FromUnixTimeMilliseconds(expires) : null,
            (int)Attempts,
            withRequest ? Read<StoredRequest>(Request) : null,
            Read<JobProgress>(Progress),
            withResult ? Read<JobResult>(Result) : null,
            Read<JobError>(Error),
            warnings,
            new JobLinks(self, self + "/events", self + "/artefacts", IsFinal ? null : self + "/cancel"),
            JobWebhook.Of(Webhook, WebhookDelivery));
        return damaged ? job with { Warnings = [.. warnings, "The stored record of this job is damaged: what is null here may have been lost."] } : job;

        T? Read<T>(string? json) where T : class
        {
            try
            {
                return json is null ? null : JsonSerializer.Deserialize<T>(json, ApiJson.Options);
            }
            catch (Exception error) when (error is JsonException or NotSupportedException)
            {
                damaged = true;
                return null;
            }
        }
    }
}
