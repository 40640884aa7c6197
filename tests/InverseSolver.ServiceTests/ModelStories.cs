using System.Net;
using System.Runtime.Versioning;
using System.Security.Cryptography;
using System.Text.Json.Nodes;

namespace InverseSolver.ServiceTests;

/// <summary>
/// Models over HTTP, and jobs whose model changes meanwhile. The shipped model stands in a folder of its own under the names brain-mri-128 and other.
/// </summary>
[CollectionDefinition(nameof(ModelStories), DisableParallelization = true)]
[Collection(nameof(ModelStories))]
[SupportedOSPlatform("linux")]
public sealed class ModelStories : IDisposable
{
    private readonly string _models = Directory.CreateTempSubdirectory("inverse-models-").FullName;

    public ModelStories()
    {
        Copy("brain-mri-128");
        Copy("other");
    }

    public void Dispose()
    {
        foreach (string folder in Directory.EnumerateDirectories(_models, "*", SearchOption.AllDirectories).Append(_models))
        {
            File.SetUnixFileMode(folder, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        }

        Directory.Delete(_models, recursive: true);
    }

    [Fact]
    public async Task A_model_is_shown_loaded_warmed_and_unloaded()
    {
        using Service service = Start();
        JsonObject shown = await service.GetAsync("/v1/models/other");
        JsonObject details = shown["details"]!.AsObject();
        Assert.Equal(("unloaded", false, 0), ((string?)shown["state"], (bool)shown["loaded"]!, shown["copies"]!.AsArray().Count));
        Assert.Equal("other", (string?)details["card"]!["id"]);
        Assert.Equal("UNet2DModel", (string?)details["configs"]!["unet/config.json"]!["_class_name"]);
        Assert.Equal(
            ["scheduler/scheduler_config.json", "unet/config.json", "unet/diffusion_pytorch_model.safetensors", "vae/config.json",
                "vae/diffusion_pytorch_model.safetensors"],
            details["files"]!.AsArray().Select(file => (string?)file!["name"]));
        Assert.All(details["files"]!.AsArray(), file =>
        {
            byte[] bytes = File.ReadAllBytes(Path.Combine(_models, "other", (string)file!["name"]!));
            Assert.Equal((bytes.Length, Convert.ToHexStringLower(SHA256.HashData(bytes))), ((int)file["bytes"]!, (string?)file["sha256"]));
        });

        JsonObject loaded = await PostAsync(service, "/v1/models/other/load");
        JsonNode item = Assert.Single(loaded["items"]!.AsArray())!;
        Assert.Equal(("cpu", (string?)shown["hash"]), ((string?)item["device"], (string?)item["hash"]));
        Assert.Null(item["warmUp"]);
        JsonNode copy = Assert.Single((await service.GetAsync("/v1/models/other"))["copies"]!.AsArray())!;
        Assert.Equal(("loaded", 0), ((string?)copy["state"], (int)copy["users"]!));
        Assert.InRange((long)copy["bytes"]! - (long)details["expectedBytes"]!, 0, 4096);

        JsonNode warm = (await PostAsync(service, "/v1/models/other/warm?device=cpu"))["items"]![0]!;
        Assert.True((double)warm["seconds"]! < (double)item["seconds"]!, "a loaded model is loaded again");
        Assert.All(["encodeSeconds", "networkSeconds", "decodeSeconds", "decodeGradientSeconds"], name => Assert.True((double)warm["warmUp"]![name]! > 0));

        Assert.Equal((1, 0), Unloaded(await PostAsync(service, "/v1/models/other/unload")));
        Assert.Equal((0, 0), Unloaded(await PostAsync(service, "/v1/models/other/unload")));
        Assert.Equal("unloaded", (string?)(await service.GetAsync("/v1/models/other"))["state"]);
    }

    [Fact]
    public async Task Packages_that_come_break_and_cannot_be_loaded_are_told_apart()
    {
        using Service service = Start();
        Copy("newcomer");
        Directory.CreateDirectory(Path.Combine(_models, "broken", "unet"));
        File.WriteAllText(Path.Combine(_models, "broken", "unet", "config.json"), "{");
        JsonObject list = await service.GetAsync("/v1/models");
        Assert.Equal(["brain-mri-128", "newcomer", "other"], list["items"]!.AsArray().Select(model => (string?)model!["id"]));
        JsonNode broken = Assert.Single(list["broken"]!.AsArray())!;
        Assert.Equal(("broken", "unet/config.json is not valid JSON (line 1)."), ((string?)broken["name"], (string?)broken["reason"]));
        Assert.Equal(("cpu", 1), ((string?)list["devices"]![0]!["device"], (int)list["devices"]![0]!["slots"]!));
        Assert.Equal(GC.GetGCMemoryInfo().TotalAvailableMemoryBytes / 2, (long)list["devices"]![0]!["budgetBytes"]!);

        string weights = Path.Combine(_models, "newcomer", "unet", "diffusion_pytorch_model.safetensors");
        byte[] bytes = File.ReadAllBytes(weights);
        bytes[^1] ^= 1;
        File.WriteAllBytes(weights, bytes);
        await RefusedAsync(
            service, "/v1/models/newcomer/load", HttpStatusCode.UnprocessableEntity, "invalidModel",
            "unet/diffusion_pytorch_model.safetensors is not the file that model.json describes: its SHA-256 differs.");
        JsonObject failed = await service.GetAsync("/v1/models/newcomer");
        Assert.Equal("failed", (string?)failed["state"]);
        Assert.Contains("its SHA-256 differs", (string?)failed["failure"], StringComparison.Ordinal);
        await RefusedAsync(service, "/v1/models/broken/load", HttpStatusCode.UnprocessableEntity, "invalidModel", "unet/config.json is not valid JSON");
        await RefusedAsync(service, "/v1/models/nothing/load", HttpStatusCode.NotFound, "notFound", "There is no such model.");
        await RefusedAsync(service, "/v1/models/nothing/unload", HttpStatusCode.NotFound, "notFound", "There is no such model.");
        await RefusedAsync(
            service, "/v1/models/other/load?device=cuda:7", HttpStatusCode.UnprocessableEntity, "invalidInput",
            "The device is not used for jobs; the devices are: cpu.");
        Assert.DoesNotContain(
            _models, string.Concat(service.Log.Where(line => !line.Contains("Models:Folders", StringComparison.Ordinal))), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Memory_that_is_too_small_or_in_use_is_said_with_sizes()
    {
        long needed = await ExpectedBytesAsync();
        using (Service tight = Start(("Models:MemoryBytes", $"{needed - 1}")))
        {
            await RefusedAsync(tight, "/v1/models/other/load", HttpStatusCode.UnprocessableEntity, "modelTooLarge", "all models together may take");
            using HttpResponseMessage refused = await tight.Client.PostAsync("/v1/jobs", JsonContent(Job("other")));
            Assert.Equal(
                (HttpStatusCode.UnprocessableEntity, "modelTooLarge"),
                (refused.StatusCode, (string?)JsonNode.Parse(await refused.Content.ReadAsStringAsync())!["code"]));
        }

        using Service service = Start(("Models:MemoryBytes", $"{needed * 3 / 2}"));
        string running = Service.Id(await service.SubmitAsync(Requests.LongJob()));
        await service.UntilAsync(running, job => job["progress"] is not null);
        await RefusedAsync(service, "/v1/models/other/load", HttpStatusCode.Conflict, "modelMemoryInUse", "models in use take");
        Assert.Equal((1, 1), Unloaded(await PostAsync(service, "/v1/models/brain-mri-128/unload")));
        Assert.Equal("unloading", (string?)(await service.GetAsync("/v1/models/brain-mri-128"))["state"]);
        (await service.Client.PostAsync($"/v1/jobs/{running}/cancel", null)).Dispose();
        await service.UntilAsync(running);
        await PostAsync(service, "/v1/models/other/load");
        Assert.Equal("unloaded", (string?)(await service.GetAsync("/v1/models/brain-mri-128"))["state"]);
    }

    [Fact]
    public async Task A_job_is_solved_with_the_version_that_it_was_taken_in_with_or_fails()
    {
        using Service service = Start();
        string blocking = Service.Id(await service.SubmitAsync(Requests.LongJob()));
        await service.UntilAsync(blocking, job => job["progress"] is not null);
        JsonObject early = await service.SubmitAsync(Job("other"));
        string old = (string)early["request"]!["modelHash"]!;
        Assert.Equal((string?)(await service.GetAsync("/v1/models/other"))["hash"], old);
        Assert.Equal("unloaded", (string?)(await service.GetAsync("/v1/models/other"))["state"]);

        // Loaded, the old version stays for the jobs that were taken in with it; the others get the new one.
        await PostAsync(service, "/v1/models/other/load");
        ChangeCard("other");
        JsonObject late = await service.SubmitAsync(Job("other"));
        string changed = (string)late["request"]!["modelHash"]!;
        Assert.NotEqual(old, changed);
        (await service.Client.PostAsync($"/v1/jobs/{blocking}/cancel", null)).Dispose();
        Assert.Equal(
            ["succeeded", "succeeded"],
            [Service.State(await service.UntilAsync(Service.Id(early))), Service.State(await service.UntilAsync(Service.Id(late)))]);
        Assert.Equal(old, await ReportedHashAsync(service, early));
        Assert.Equal(changed, await ReportedHashAsync(service, late));
        Assert.Equal([old, changed], (await service.GetAsync("/v1/models/other"))["copies"]!.AsArray().Select(copy => (string?)copy!["hash"]));

        // Unloaded, it is gone.
        blocking = Service.Id(await service.SubmitAsync(Requests.LongJob()));
        await service.UntilAsync(blocking, job => job["progress"] is not null);
        JsonObject lost = await service.SubmitAsync(Job("other"));
        await PostAsync(service, "/v1/models/other/unload");
        ChangeCard("other");
        (await service.Client.PostAsync($"/v1/jobs/{blocking}/cancel", null)).Dispose();
        JsonObject failed = await service.UntilAsync(Service.Id(lost));
        Assert.Equal(("failed", "modelChanged", "model"), (Service.State(failed), (string?)failed["error"]!["code"], (string?)failed["error"]!["field"]));
        Assert.StartsWith("The model 'other' was changed: its files are the version ", (string?)failed["error"]!["detail"], StringComparison.Ordinal);
    }

    [Fact]
    public async Task Each_slot_solves_a_job_at_the_same_time_and_both_share_the_model()
    {
        using Service service = Start(("Models:Device", "cpu, cpu"));
        string[] jobs = [Service.Id(await service.SubmitAsync(Requests.LongJob())), Service.Id(await service.SubmitAsync(Requests.LongJob()))];
        foreach (string id in jobs)
        {
            Assert.Equal("running", Service.State(await service.UntilAsync(id, job => job["progress"] is not null)));
        }

        JsonNode copy = Assert.Single((await service.GetAsync("/v1/models/brain-mri-128"))["copies"]!.AsArray())!;
        Assert.Equal(2, (int)copy["users"]!);
        Assert.Equal(2, (int)(await service.GetAsync("/v1/models"))["devices"]![0]!["slots"]!);
        foreach (string id in jobs)
        {
            (await service.Client.PostAsync($"/v1/jobs/{id}/cancel", null)).Dispose();
            Assert.Equal("cancelled", Service.State(await service.UntilAsync(id)));
        }

        JsonObject done = await service.UntilAsync(Service.Id(await service.SubmitAsync(Job("brain-mri-128"))));
        Assert.Equal("cpu", (string?)done["result"]!["device"]);
        JsonObject report = await service.GetAsync($"/v1/jobs/{Service.Id(done)}/artefacts/report.json");
        Assert.Equal(("cpu", Math.Max(1, Environment.ProcessorCount / 2)), ((string?)report["device"], (int)report["fingerprint"]!["threads"]!));
    }

    [Fact]
    public async Task A_load_goes_on_when_its_caller_goes_away()
    {
        using Service service = Start();
        using var gone = new CancellationTokenSource();
        Task<HttpResponseMessage> asked = service.Client.PostAsync("/v1/models/other/warm", null, gone.Token);
        while ((string?)(await service.GetAsync("/v1/models/other"))["state"] == "unloaded" && !asked.IsCompleted)
        {
            await Task.Yield();
        }

        await gone.CancelAsync();
        await Task.WhenAny(asked);
        await PostAsync(service, "/v1/models/other/load");
        JsonObject model = await service.GetAsync("/v1/models/other");
        Assert.Equal("loaded", (string?)model["state"]);
        Assert.Single(model["copies"]!.AsArray());
        Assert.Null(model["failure"]);
    }

    [Fact]
    public async Task Nothing_in_a_folder_of_models_is_ever_written_and_nothing_can_be_uploaded()
    {
        foreach (string file in Directory.EnumerateFiles(_models, "*", SearchOption.AllDirectories))
        {
            File.SetUnixFileMode(file, UnixFileMode.UserRead);
        }

        foreach (string folder in Directory.EnumerateDirectories(_models, "*", SearchOption.AllDirectories).Append(_models))
        {
            File.SetUnixFileMode(folder, UnixFileMode.UserRead | UnixFileMode.UserExecute);
        }

        string[] before = Snapshot();
        using Service service = Start();
        foreach (string action in new[] { "load", "warm", "unload" })
        {
            await PostAsync(service, $"/v1/models/other/{action}");
        }

        Assert.Equal("succeeded", Service.State(await service.UntilAsync(Service.Id(await service.SubmitAsync(Job("other"))))));
        await service.GetAsync("/v1/models");
        await service.GetAsync("/v1/models/other");
        Assert.Equal(before, Snapshot());

        JsonObject paths = (await service.GetAsync("/swagger/v1/swagger.json"))["paths"]!.AsObject();
        Assert.Equal(
            ["GET /v1/models", "GET /v1/models/{id}", "POST /v1/models/{id}/load", "POST /v1/models/{id}/unload", "POST /v1/models/{id}/warm"],
            paths.Where(path => path.Key.StartsWith("/v1/models", StringComparison.Ordinal)).SelectMany(path =>
                path.Value!.AsObject().Select(method => $"{method.Key.ToUpperInvariant()} {path.Key}")).Order());
        Assert.All(
            paths.Where(path => path.Key.StartsWith("/v1/models", StringComparison.Ordinal)),
            path => Assert.All(path.Value!.AsObject(), method => Assert.Null(method.Value!["requestBody"])));
        Assert.DoesNotContain(
            paths, path => path.Key != "/v1/quotas" && (path.Value!.AsObject().ContainsKey("put") || path.Value!.AsObject().ContainsKey("patch")));
    }

    private Service Start(params (string Name, string Value)[] settings) => new(null, [("Models:Folders:0", _models), .. settings]);

    private static JsonObject Job(string model)
    {
        JsonObject job = Requests.Job();
        job["model"] = model;
        return job;
    }

    private static async Task<JsonObject> PostAsync(Service service, string path)
    {
        using HttpResponseMessage response = await service.Client.PostAsync(path, null);
        string body = await response.Content.ReadAsStringAsync();
        Assert.True(response.IsSuccessStatusCode, body);
        return JsonNode.Parse(body)!.AsObject();
    }

    private async Task RefusedAsync(Service service, string path, HttpStatusCode status, string code, string says)
    {
        using HttpResponseMessage response = await service.Client.PostAsync(path, null);
        string body = await response.Content.ReadAsStringAsync();
        JsonNode error = JsonNode.Parse(body)!;
        Assert.Equal((status, code), (response.StatusCode, (string?)error["code"]));
        Assert.Contains(says, (string?)error["detail"], StringComparison.Ordinal);
        Assert.DoesNotContain(_models, body, StringComparison.Ordinal);
    }

    private static StringContent JsonContent(JsonObject job) => new(job.ToJsonString(), System.Text.Encoding.UTF8, "application/json");

    private async Task<long> ExpectedBytesAsync()
    {
        using Service service = Start();
        return (long)(await service.GetAsync("/v1/models/other"))["details"]!["expectedBytes"]!;
    }

    private static async Task<string?> ReportedHashAsync(Service service, JsonObject job) =>
        (string?)(await service.GetAsync($"/v1/jobs/{Service.Id(job)}/artefacts/report.json"))["model"]!["hash"];

    private static (int Copies, int InUse) Unloaded(JsonObject answer) => ((int)answer["copies"]!, (int)answer["inUse"]!);

    private string[] Snapshot() => [.. Directory.EnumerateFileSystemEntries(_models, "*", SearchOption.AllDirectories).Order(StringComparer.Ordinal)
        .Select(path =>
            $"{path} {File.GetLastWriteTimeUtc(path).Ticks} {File.GetUnixFileMode(path)} "
                + $"{(File.Exists(path) ? Convert.ToHexString(SHA256.HashData(File.ReadAllBytes(path))) : "")}")];

    private void Copy(string id)
    {
        string from = Path.Combine(Repository.Root, "models", "brain-mri-128");
        foreach (string file in Directory.EnumerateFiles(from, "*", SearchOption.AllDirectories))
        {
            string target = Path.Combine(_models, id, Path.GetRelativePath(from, file));
            Directory.CreateDirectory(Path.GetDirectoryName(target)!);
            File.Copy(file, target);
        }

        EditCard(id, card => card["id"] = id);
    }

    private void ChangeCard(string id) => EditCard(id, card => card["quality"]!["roundTripRmse"] = (double)card["quality"]!["roundTripRmse"]! * 1.5);

    private void EditCard(string id, Action<JsonObject> change)
    {
        string path = Path.Combine(_models, id, "model.json");
        JsonObject card = JsonNode.Parse(File.ReadAllText(path))!.AsObject();
        change(card);
        File.WriteAllText(path, card.ToJsonString());
    }
}
