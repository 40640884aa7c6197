using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using InverseSolver.Diffusion;
using InverseSolver.Diffusion.Packages;
using InverseSolver.Imaging;
using InverseSolver.Reconstruction;
using InverseSolver.Reconstruction.Jobs;
using InverseSolver.Service.Access;
using InverseSolver.Service.Estimates;
using InverseSolver.Service.Models;
using InverseSolver.Service.Problems;
using InverseSolver.Service.Requests;
using InverseSolver.Service.Storage;
using InverseSolver.Service.Webhooks;
using Microsoft.Extensions.Options;

namespace InverseSolver.Service.Jobs;

/// <summary>Accepts jobs: reads them, checks all that can be checked, and stores them.</summary>
internal sealed class JobSubmission(
    UploadReader reader,
    UploadGate gate,
    ModelCatalog models,
    DeviceSlots slots,
    JobStore store,
    JobFolder folder,
    DiskSpace disk,
    JobSignals signals,
    JobEstimates estimates,
    IOptions<JobOptions> options,
    Quotas quotas,
    IOptions<LimitOptions> limits,
    IOptions<OperatorOptions> operators,
    IOptions<WebhookOptions> webhooks)
{
    /// <summary>Accepts a job.</summary>
    /// <param name="http">The HTTP request.</param>
    /// <param name="key">The Idempotency-Key.</param>
    /// <param name="cancellation">Stops before anything is stored.</param>
    /// <returns>The stored job, or the one that was stored under the same key before.</returns>
    public Task<JobRow> SubmitAsync(HttpRequest http, string? key, CancellationToken cancellation)
    {
        CheckKey(key);
        return SubmitAsync(http, http.HttpContext.Account().Caller, key, Guid.CreateVersion7().ToString(), cancellation);
    }

    /// <summary>Accepts a job of a caller that is known, under an id that is given.</summary>
    public async Task<JobRow> SubmitAsync(HttpRequest http, string caller, string? key, string id, CancellationToken cancellation)
    {
        if (key is not null) key = JobStore.KeyOf(caller, key);
        Quota quota = quotas.Of(caller);
        if (key is null || store.FindByKey(key) is null)
        {
            Check(quota, caller, bytes: 0);
            if (store.Count("queued") >= options.Value.QueueCapacity * (store.WaitingOf(caller) > 0 ? 1 : 2)) throw QueueFull(caller);
        }

        disk.CheckRoom(bytes: 0);
        using Upload<JobRequest> upload = await reader.ReadAsync<JobRequest>(http, caller, JobRequest.FileNames, cancellation);
        Dictionary<string, string> hashes = StoredRequest.HashesOf(upload.Files);
        string bodyHash = HashOf(upload.Request, hashes);
        if (Earlier(key, bodyHash) is { } earlier)
        {
            return earlier;
        }

        long bytes = upload.Files.Values.Sum(file => (long)file.Length);
        disk.CheckRoom(bytes);
        Check(quota, caller, bytes);
        (JobPlan plan, _) = await CheckAsync(caller, upload, hashes, cancellation);
        StoredRequest stored = plan.Request;
        try
        {
            string json = JsonSerializer.Serialize(stored, ApiJson.Options);
            string? sharing = stored.Reproducible ? null : $"{stored.Model}@{stored.ModelHash}";
            var job = new NewJob(id, json, key, bodyHash, sharing, JsonSerializer.Serialize(plan.Warnings, ApiJson.Options), upload.Request.Retain, bytes)
            {
                Webhook = WebhookTarget.Of(upload.Request.Webhook, webhooks.Value),
                Caller = caller,
                Priority = (int)upload.Request.Priority,
            };
            folder.WriteInputs(job, upload.Files);
            if (store.Add(job, options.Value.QueueCapacity, quota.Waiting > 0 ? quota.Waiting : int.MaxValue) is { } added)
            {
                signals.Doorbell.Set();
                return added;
            }
        }
        catch
        {
            // Where the row was stored before the error, the files belong to it.
            if (store.Get(id) is null) folder.Delete(id);
            throw;
        }

        folder.Delete(id);
        if (Earlier(key, bodyHash) is { } meanwhile) return meanwhile;
        Check(quota, caller, bytes);
        throw QueueFull(caller);
    }

    /// <summary>Estimates a job that is checked as if it were submitted, and stores nothing.</summary>
    /// <param name="http">The HTTP request.</param>
    /// <param name="cancellation">Stops the estimate.</param>
    public async Task<JobEstimate> EstimateAsync(HttpRequest http, CancellationToken cancellation)
    {
        string caller = http.HttpContext.Account().Caller;
        using Upload<JobRequest> upload = await reader.ReadAsync<JobRequest>(http, caller, JobRequest.FileNames, cancellation);
        (JobPlan plan, ModelInfo model) = await CheckAsync(caller, upload, StoredRequest.HashesOf(upload.Files), cancellation);
        return await estimates.OfAsync(caller, plan, model, cancellation);
    }

    private async Task<(JobPlan Plan, ModelInfo Model)> CheckAsync(
        string caller, Upload<JobRequest> upload, Dictionary<string, string> hashes, CancellationToken cancellation)
    {
        (StoredRequest resolved, ModelInfo model) = Resolve(upload, hashes);
        JobPlan plan = await gate.RunAsync(
            caller, upload.Files,
            formats => JobPlan.Of(
                resolved, upload.Files, formats, limits.Value.Pixels, model, operators.Value.Folder,
                new ReconstructionLimits(limits.Value.Frames, limits.Value.ImagePixels)),
            cancellation);
        estimates.CheckMemory(plan, model);

        // Last, because the files of a model whose card has no hashes are read for it, once.
        string hash = models.FindVersion(resolved.Model, slots.Distinct)?.Hash ?? throw UnknownModel(
            "The model was removed while the job was submitted; /v1/models lists the available models.");
        return (plan with { Request = plan.Request with { ModelHash = hash } }, model);
    }

    // Everything that can be checked without decoding a file: all faults are told at once.
    private (StoredRequest Request, ModelInfo Model) Resolve(Upload<JobRequest> upload, Dictionary<string, string> hashes)
    {
        JobRequest request = upload.Request;
        SolverChoice choice = request.Solver ?? new SolverChoice();
        ResolvedSolver? solver = null;
        IReadOnlyList<ResolvedSolver>? baselines = null;
        ModelInfo? model = null;
        RequestException.ThrowAll(
            () => RequestChecks.CheckRanges(request),
            () => Reconstructor.CheckProblem(request.Problem),
            () => model = models.Find(request.Model) ?? throw UnknownModel("The model is unknown; /v1/models lists the available models."),
            () =>
            {
                solver = ResolvedSolver.Of(request.Problem, choice.Type, choice.Preset, choice.Parameters);
                if (solver.Parameters["steps"] is JsonValue steps && steps.TryGetValue(out int count) && count > limits.Value.SolverSteps)
                {
                    throw RequestChecks.Unprocessable(
                        "limitExceeded", "solver.parameters.steps", $"At most {limits.Value.SolverSteps} steps are allowed.");
                }
            },
            () => baselines = ResolvedSolver.Baselines(request.Baselines ?? []),
            () =>
            {
                if (!upload.Files.ContainsKey("measurement"))
                {
                    throw RequestChecks.Unprocessable("missingFile", "files.measurement", "The measurement is required, as a part or as a data URI.");
                }
            },
            () =>
            {
                if (request.Reference == ReferenceRule.Force && !upload.Files.ContainsKey("reference"))
                {
                    throw RequestChecks.Unprocessable(
                        "missingFile", "files.reference",
                        "\"reference\": \"force\" applies to the file 'reference', which is missing: send the file, or leave \"reference\" out.");
                }
            },
            () => WebhookTarget.Of(request.Webhook, webhooks.Value));
        return (new StoredRequest
        {
            Model = request.Model,
            Problem = request.Problem,
            Sigma = request.Sigma,
            Photons = request.Photons,
            Solver = solver!,
            Baselines = baselines,
            Seed = request.Seed,
            Reproducible = request.Reproducible,
            Luminance = request.Luminance,
            Previews = request.Previews,
            Name = request.Name,
            VendorConvention = request.VendorConvention,
            Reference = request.Reference,
            Files = hashes,
        }, model!);
    }

    /// <summary>The job that was stored under the key, if the request is the same.</summary>
    private JobRow? Earlier(string? key, string bodyHash) => key is null || store.FindByKey(key) is not { } job ? null
        : job.BodyHash == bodyHash ? job
        : throw new RequestException(
            StatusCodes.Status422UnprocessableEntity, "idempotencyConflict", "Idempotency-Key", "This key was used for another request: send a new key.");

    private static void CheckKey(string? key)
    {
        if (key is not null && (key.Length is 0 or > 200 || key.Any(letter => letter is <= ' ' or > '~')))
        {
            throw new RequestException(
                StatusCodes.Status400BadRequest, "invalidValue", "Idempotency-Key", "A key must have 1 to 200 printable ASCII characters without spaces.");
        }
    }

    /// <summary>The hash of a request, which does not depend on whether its files are parts or data URIs.</summary>
    private static string HashOf(JobRequest request, Dictionary<string, string> hashes)
    {
        var text = new StringBuilder(JsonSerializer.Serialize(request with { Files = null }, ApiJson.Options));
        foreach ((string name, string hash) in hashes.OrderBy(file => file.Key, StringComparer.Ordinal))
        {
            text.Append('\n').Append(name).Append(' ').Append(hash);
        }

        return Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text.ToString())));
    }

    private void Check(Quota most, string caller, long bytes)
    {
        if (most.Waiting > 0 && store.WaitingOf(caller) is var waiting && waiting >= most.Waiting)
        {
            throw TooMany("quotaWaiting", $"You have {waiting} waiting jobs, and at most {most.Waiting} may wait.", TimeSpan.FromSeconds(30));
        }

        if (most.SolverSecondsPerDay > 0 && store.SecondsOf(caller) is var seconds && seconds >= most.SolverSecondsPerDay)
        {
            throw TooMany(
                "quotaSeconds", $"Your jobs ran {seconds:0} s within 24 hours, and {most.SolverSecondsPerDay:0} s are allowed.", TimeSpan.FromHours(1));
        }

        if (most.Bytes > 0 && store.BytesOf(caller) is var used && used + Math.Max(bytes, 1) > most.Bytes)
        {
            throw TooMany(
                "quotaBytes", $"Your jobs take {used} bytes, and {most.Bytes} are allowed: delete some, or wait until they expire.",
                TimeSpan.FromHours(1));
        }

        RequestException TooMany(string code, string text, TimeSpan retryAfter) =>
            new(StatusCodes.Status429TooManyRequests, code, null, text + Place(caller)) { RetryAfter = retryAfter };
    }

    private RequestException QueueFull(string caller) =>
        new(StatusCodes.Status429TooManyRequests, "queueFull", null, "The queue is full." + Place(caller))
        {
            RetryAfter = TimeSpan.FromSeconds(30),
        };

    private string Place(string caller) => store.PositionOf(caller) is > 0 and var place ? $" Your first waiting job is number {place} in the queue." : "";

    private static RequestException UnknownModel(string text) => RequestChecks.Unprocessable("unknownModel", "model", text);
}
