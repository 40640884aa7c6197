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

    /// <summary>True where the row holds something else than was stored.</summary>
    public bool IsDamaged { get; init; }

    /// <summary>The job of a row. What is of another type than was stored is left out, and the job is damaged.</summary>
    /// <param name="row">The row's columns.</param>
    public static JobRow Of(IDictionary<string, object?> row)
    {
        bool damaged = false;
        var job = new JobRow
        {
            Id = Text("id") ?? "",
            State = Text("state") ?? "",
            Version = Number("version") ?? 0,
            Created = Number("created") ?? 0,
            Started = Number("started"),
            Finished = Number("finished"),
            Epoch = Number("epoch") ?? 0,
            Attempts = Number("attempts") ?? 0,
            Stalls = Number("stalls") ?? 0,
            Checkpoint = Text("checkpoint"),
            CheckpointHash = Text("checkpoint_hash"),
            CheckpointSteps = Number("checkpoint_steps") ?? 0,
            Expires = Number("expires"),
            ExpiryWarned = Number("expiry_warned") is not (null or 0),
            InputsDeleted = Number("inputs_deleted") is not (null or 0),
            CancelRequested = Number("cancel_requested") is not (null or 0),
            Request = Text("request") ?? "",
            Progress = Text("progress"),
            Result = Text("result"),
            Error = Text("error"),
            Warnings = Text("warnings"),
            BodyHash = Text("body_hash") ?? "",
            Sharing = Text("sharing"),
            Webhook = Text("webhook"),
            WebhookDelivery = Text("webhook_delivery"),
            Caller = Text("caller") ?? "",
        };
        return job with { IsDamaged = damaged };

        long? Number(string column) => Value<long>(column) is long number ? number : null;

        string? Text(string column) => Value<string>(column) as string;

        object? Value<T>(string column)
        {
            object? value = row.TryGetValue(column, out object? found) ? found : null;
            if (value is null or T) return value;
            damaged = true;
            return null;
        }
    }

    /// <summary>The job in the API's form. What cannot be read of a damaged row is null, and a warning says so.</summary>
    /// <param name="withRequest">False to leave the request out.</param>
    /// <param name="withResult">False to leave the result out.</param>
    public Job ToJob(bool withRequest = true, bool withResult = true)
    {
        string self = $"/v1/jobs/{Id}";
        bool damaged = IsDamaged;
        string[] warnings = Read<string[]>(Warnings) ?? [];
        var job = new Job(
            Id,
            Enum.Parse<JobState>(State, ignoreCase: true),
            CancelRequested,
            Time(Created) ?? DateTimeOffset.UnixEpoch,
            Time(Started),
            Time(Finished),
            Time(Expires),
            (int)Attempts,
            withRequest ? Read<StoredRequest>(Request) : null,
            Read<JobProgress>(Progress),
            withResult ? Read<JobResult>(Result) : null,
            Read<JobError>(Error),
            warnings,
            new JobLinks(self, self + "/events", self + "/artefacts", IsFinal ? null : self + "/cancel"),
            JobWebhook.Of(Read<WebhookTarget>(Webhook), Read<JobWebhook>(WebhookDelivery)));
        return damaged ? job with { Warnings = [.. warnings, "The stored record of this job is damaged: what is null here may have been lost."] } : job;

        DateTimeOffset? Time(long? milliseconds)
        {
            if (milliseconds is null || (milliseconds >= 0 && milliseconds <= DateTimeOffset.MaxValue.ToUnixTimeMilliseconds()))
            {
                return milliseconds is { } value ? DateTimeOffset.FromUnixTimeMilliseconds(value) : null;
            }

            damaged = true;
            return null;
        }

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
