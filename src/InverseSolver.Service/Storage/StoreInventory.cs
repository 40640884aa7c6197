using System.Globalization;
using System.Security.Cryptography;
using System.Text.Json;
using System.Text.Json.Nodes;
using InverseSolver.Reconstruction.Jobs;
using InverseSolver.Service.Jobs;
using InverseSolver.Service.Webhooks;

namespace InverseSolver.Service.Storage;

/// <summary>A finding on the files of one job.</summary>
/// <param name="Id">The job.</param>
/// <param name="Text">The finding, a sentence.</param>
internal sealed record StoreFinding(string Id, string Text);

/// <summary>Compares the database with the files, and takes jobs of the quarantine into the database again.</summary>
internal sealed class StoreInventory(JobStore store, JobFolder folder)
{
    // Year 9999, in unix milliseconds.
    private const long LastTime = 253_402_300_799_999;

    private const long MaxBytes = 1L << 50;

    private const string OfAnotherType = "The row is damaged: one of its values is of another type.";

    private static readonly JsonSerializerOptions Strict = new(ApiJson.Options) { RespectNullableAnnotations = true };

    // Members of the report that a job's result has under the same names.
    private static readonly string[] ResultMembers =
    [
        "effectiveSigma", "consistency", "quality", "frames", "cost", "baselines", "sigmaEstimated", "sigmaMethod", "mri", "device", "sharing", "residuals",
    ];

    private readonly JobFolder _quarantine = folder.InQuarantine();

    /// <summary>Reads every row and every file of every job: damaged rows, rows without their files, files that changed, and files without a row.</summary>
    public IReadOnlyList<StoreFinding> Check()
    {
        var findings = new List<StoreFinding>();
        HashSet<string> known = store.Ids();
        foreach (string id in known)
        {
            try
            {
                findings.AddRange(FaultsOf(id).Select(text => new StoreFinding(id, text)));
            }
            catch (Exception error) when (error is IOException or UnauthorizedAccessException)
            {
                Add(id, $"The files cannot be read: {error.Message}");
            }
            catch (Exception)
            {
                // .NET's parsers have an error of their own for each kind of damage.
                Add(id, OfAnotherType);
            }
        }

        foreach (string id in folder.Ids().Where(id => !known.Contains(id)))
        {
            Add(id, "The files have no row; the next start of the service, or `inverse store adopt`, moves them to the quarantine.");
        }

        foreach (string name in folder.Quarantined())
        {
            Add(name, known.Contains(JobFolder.IdOf(name)) ? "It is in the quarantine, while a job of this id exists: compare them, and remove the folder."
                : "It is in the quarantine: files without a row. `inverse store adopt` takes it in again.");
        }

        return findings;

        void Add(string id, string text) => findings.Add(new StoreFinding(id, text));
    }

    /// <summary>Moves the files of jobs that have no row into the quarantine, as a start of the service does.</summary>
    /// <returns>The ids of the jobs.</returns>
    public IReadOnlyList<string> Quarantine() => folder.Quarantine(store.Ids());

    /// <summary>
    /// Takes jobs of the quarantine in again: as succeeded where all files of a result are there and unchanged, as failed or cancelled where they ended so,
    /// else into the queue. What is refused stays in the quarantine.
    /// </summary>
    /// <param name="ids">The jobs, or the names of their folders; none: all of them.</param>
    /// <returns>The outcome for each folder.</returns>
    public IReadOnlyList<StoreFinding> Adopt(IReadOnlyCollection<string> ids)
    {
        IReadOnlyList<string> there = folder.Quarantined();
        IEnumerable<string> names = ids.Count == 0 ? there
            : ids.SelectMany(id => there.Where(name => name == id || JobFolder.IdOf(name) == id).DefaultIfEmpty(id)).Distinct();
        return [.. names.Select(name => new StoreFinding(name, there.Contains(name) ? Adopt(name) : "It is not in the quarantine."))];
    }

    private string Adopt(string name)
    {
        const string taken = "a job of this id exists. Compare them, and remove the folder";
        try
        {
            (JobRow row, NewJob job) = RowOf(name);
            if (!folder.Readmit(name)) throw new InvalidDataException(taken);
            try
            {
                if (!store.Adopt(row, job)) throw new InvalidDataException(taken);
            }
            catch
            {
                folder.Reject(name);
                throw;
            }

            return row.State switch
            {
                "succeeded" => "Adopted with its result.",
                "queued" => "Adopted into the queue.",
                _ => $"Adopted as {row.State}, as it ended.",
            };
        }
        catch (Exception error)
        {
            // Of whatever kind: the folder is refused, and the next one may be good.
            return $"It stays in the quarantine: {error.Message.TrimEnd('.')}.";
        }
    }

    // The row that a job of the quarantine is to have, from its files alone.
    private (JobRow Row, NewJob Job) RowOf(string name)
    {
        string id = JobFolder.IdOf(name);
        if (_quarantine.ReadSubmission(name) is not { } job || job.Id != id)
        {
            throw new InvalidDataException("its record job.json is missing or damaged, so nobody knows what was asked");
        }

        var row = new JobRow
        {
            Id = id,
            State = "queued",
            Created = Created(id),
            Epoch = _quarantine.Epochs(name) is [var newest, ..] ? newest : 0,
            Request = job.Request,
            BodyHash = job.BodyHash,
            Sharing = job.Sharing,
            Warnings = job.Warnings,
            Webhook = job.Webhook,
            Caller = job.Caller,
        };
        string? damage = Damage(row) ?? (job.Retain is < 1 or > JobRequest.MaxRetain ? "retain" : job.Bytes is < 0 or > MaxBytes ? "bytes"
            : job.Priority is < -1 or > 1 ? "priority" : null);
        if (damage is not null) throw new InvalidDataException($"its record job.json is damaged: {damage} has no valid value");

        StoredRequest request = Read<StoredRequest>(row.Request, Strict)!;
        if (_quarantine.Epochs(name).Select(epoch => ResultOf(row, name, epoch)).FirstOrDefault(result => result is not null) is { } found)
        {
            (row, job) = (found.Row, job with { Bytes = job.Bytes + found.Bytes });
        }
        else if (_quarantine.HasEnd(name))
        {
            row = _quarantine.ReadEnd(name) is { State: "failed" or "cancelled" } end && end.Id == id
                ? row with { State = end.State, CancelRequested = end.State == "cancelled", Error = end.Error, Finished = end.Finished }
                : row with { State = "" };
            if (Damage(row) is not null)
            {
                throw new InvalidDataException("its record end.json, which tells how it ended, is damaged. Remove that file to have the job solved again");
            }
        }
        else if (request.Files.Any(file => Fault(_quarantine.InputPath(name, file.Key), file.Value) is not null))
        {
            throw new InvalidDataException("neither a complete result nor unchanged inputs are there");
        }

        return (row with { InputsDeleted = row.IsFinal && !_quarantine.HasInputs(name) }, job);
    }

    // What is wrong with a row and the files it names.
    private IEnumerable<string> FaultsOf(string id)
    {
        if (!JobFolder.IsId(id) || store.Get(id) is not { } row)
        {
            yield return "The row is damaged: its id is none of this service.";
            yield break;
        }

        if (row.IsDamaged)
        {
            yield return OfAnotherType;
            yield break;
        }

        if (Damage(row) is { } damage)
        {
            yield return $"The row is damaged: {damage} has no valid value.";
            yield break;
        }

        foreach (Artefact artefact in Read<JobResult>(row.Result, ApiJson.Options)?.Artefacts ?? [])
        {
            if (Fault(folder.PathOf(id, row.Epoch, artefact.Name), artefact.Sha256) is { } fault) yield return $"The artefact {artefact.Name} {fault}.";
        }

        if (row.InputsDeleted) yield break;
        foreach ((string name, string hash) in Read<StoredRequest>(row.Request, Strict)!.Files)
        {
            if (Fault(folder.InputPath(id, name), hash) is { } fault) yield return $"The input {name} {fault}.";
        }
    }

    // The first column of a row that cannot be read; null where all can.
    private static string? Damage(JobRow row)
    {
        (string Column, Func<bool> IsGood)[] columns =
        [
            ("state", () => Enum.GetNames<JobState>().Contains(row.State, StringComparer.OrdinalIgnoreCase)),
            ("created", () => IsTime(row.Created)),
            ("started", () => IsTime(row.Started ?? 0)),
            ("finished", () => IsTime(row.Finished ?? 0)),
            ("expires", () => IsTime(row.Expires ?? 0)),
            ("attempts", () => row.Attempts is >= 0 and <= int.MaxValue),
            (
                "request",
                () => Read<StoredRequest>(row.Request, Strict) is { Solver: { Type: not null, Preset: not null, Parameters: not null } } request
                    && request.Files.Keys.All(IsFileName)),
            ("progress", () => IsAbsentOr<JobProgress>(row.Progress, _ => true)),
            (
                "result",
                () => IsAbsentOr<JobResult>(
                    row.Result,
                    result => result is { Consistency: not null, Cost: not null, Artefacts: not null }
                        && result.Artefacts.All(file => IsFileName(file?.Name)))),
            ("error", () => row.Error is null || Read<JobError>(row.Error, Strict) is { Code: not null, Detail: not null }),
            ("warnings", () => IsAbsentOr<string?[]>(row.Warnings, warnings => !warnings.Contains(null))),
            ("body_hash", () => row.BodyHash is not null),
            (
                "webhook",
                () => row.Webhook is null
                    || (Read<WebhookTarget>(row.Webhook, Strict) is { Host: not null } target && Uri.TryCreate(target.Url, UriKind.Absolute, out _))),
            ("webhook_delivery", () => IsAbsentOr<JobWebhook>(row.WebhookDelivery, _ => true)),
            ("caller", () => row.Caller is not null),
        ];
        return columns.FirstOrDefault(column => !Holds(column.IsGood)).Column;

        static bool Holds(Func<bool> isGood)
        {
            try
            {
                return isGood();
            }
            catch (Exception error) when (error is JsonException or NotSupportedException or ArgumentException)
            {
                return false;
            }
        }
    }

    private static bool IsTime(long milliseconds) => milliseconds is >= 0 and <= LastTime;

    private static bool IsAbsentOr<T>(string? json, Predicate<T> isGood) where T : class =>
        json is null || (Read<T>(json, ApiJson.Options) is { } value && isGood(value));

    private static bool IsFileName(string? name) => !string.IsNullOrEmpty(name) && name is not ("." or "..") && Path.GetFileName(name) == name;

    private static T? Read<T>(string? json, JsonSerializerOptions options) where T : class =>
        json is null ? null : JsonSerializer.Deserialize<T>(json, options);

    // The row with the result of an epoch, from its report, and the bytes of its files, where every file that the report lists is there and unchanged.
    private (JobRow Row, long Bytes)? ResultOf(JobRow row, string folderName, long epoch)
    {
        const string name = "report.json";
        string path = _quarantine.PathOf(folderName, epoch, name);
        if (!File.Exists(path)) return null;
        byte[] bytes = File.ReadAllBytes(path);
        try
        {
            JsonObject report = JsonNode.Parse(bytes)!.AsObject();
            Artefact[] artefacts = report["artefacts"].Deserialize<Artefact[]>(Strict)!;
            if ((string?)report["job"] != row.Id
                || artefacts.Any(file => !IsFileName(file.Name) || Fault(_quarantine.PathOf(folderName, epoch, file.Name), file.Sha256) is not null))
            {
                return null;
            }

            var result = new JsonObject(ResultMembers.Select(member => KeyValuePair.Create(member, report[member]?.DeepClone())))
            {
                ["artefacts"] = JsonSerializer.SerializeToNode(
                    artefacts.Append(new Artefact(name, "application/json", bytes.Length, Convert.ToHexStringLower(SHA256.HashData(bytes)))), ApiJson.Options),
            };
            long finished = DateTimeOffset.Parse((string)report["times"]!["finished"]!, CultureInfo.InvariantCulture).ToUnixTimeMilliseconds();
            row = row with
            {
                State = "succeeded",
                Epoch = epoch,
                Started = finished,
                Finished = finished,
                Result = result.ToJsonString(ApiJson.Options),
                Warnings = report["warnings"]!.ToJsonString(),
            };
            return Damage(row) is null ? (row, artefacts.Sum(file => file.Bytes) + bytes.Length) : null;
        }
        catch (Exception error) when (error is not (IOException or UnauthorizedAccessException))
        {
            // A report that is damaged in whatever way is none.
            return null;
        }
    }

    // The first 48 bits of a UUID of version 7 are unix milliseconds.
    private static long Created(string id) => long.Parse(id.Replace("-", "", StringComparison.Ordinal).AsSpan(0, 12), NumberStyles.HexNumber);

    private static string? Fault(string path, string hash) => JobFolder.HashOf(path) is not { } found ? "is missing"
        : found == hash ? null : "changed since it was written";
}
