using System.Diagnostics;
using System.Globalization;
using System.IO.Compression;
using System.Net;
using System.Text;
using System.Text.Json.Nodes;
using InverseSolver.Imaging;
using InverseSolver.Service;
using InverseSolver.Service.Requests;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;

namespace InverseSolver.ServiceTests;

/// <summary>Uploads that are slow, many or larger than they look take nothing from the others.</summary>
public sealed class UploadStories
{
    [Fact]
    public async Task Bodies_that_never_end_hold_no_place_of_the_decoders()
    {
        using var service = new Service(folder: null, ("Limits:Uploads", "1"), ("Limits:WaitingUploads", "0"));
        var stalled = new List<RawCall>();
        for (int i = 0; i < 4; i++) stalled.Add(await RawCall.StallAsync(service.Client.BaseAddress!, sent: 1000, announced: 100_000));
        using HttpResponseMessage response = await SimulateAsync(service.Client, Requests.Png());
        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        stalled.ForEach(call => call.Dispose());
    }

    [Fact]
    public async Task A_body_that_does_not_arrive_in_time_is_answered_with_408()
    {
        using var service = new Service(folder: null, ("Limits:BodySeconds", "1"));
        using RawCall slow = await RawCall.StallAsync(service.Client.BaseAddress!, sent: 1000, announced: 100_000);
        string answer = await slow.ReadAsync();
        Assert.StartsWith("HTTP/1.1 408", answer, StringComparison.Ordinal);
        Assert.Contains("application/problem+json", answer, StringComparison.Ordinal);
        Assert.Contains("\"code\":\"tooSlow\"", answer, StringComparison.Ordinal);
    }

    [Fact]
    public async Task All_bodies_together_are_bounded_while_they_arrive_and_their_memory_comes_back()
    {
        const int mebibyte = 1 << 20;
        using var service = new Service(
            folder: null, ("Limits:RequestBytes", $"{mebibyte}"), ("Limits:JsonBytes", $"{mebibyte}"), ("Limits:UploadBytes", $"{mebibyte}"));
        using (await SimulateAsync(service.Client, Requests.Png()))
        {
            // The first takes long, and a body that has been arriving for long gives way.
        }

        using (RawCall half = await RawCall.StallAsync(service.Client.BaseAddress!, sent: 600_000, announced: mebibyte))
        {
            // Whoever comes second is refused, so the half body must have arrived.
            var memory = service.Services.GetRequiredService<UploadMemory>();
            for (int i = 0; i < 200 && memory.Held < 600_000; i++) await Task.Delay(20);
            Assert.InRange(memory.Held, 600_000, mebibyte);
            using HttpResponseMessage refused = await UntilAsync(HttpStatusCode.ServiceUnavailable);
            Assert.Equal(HttpStatusCode.ServiceUnavailable, refused.StatusCode);
            Assert.Equal(TimeSpan.FromSeconds(5), refused.Headers.RetryAfter!.Delta);
            Assert.Equal("busy", (string?)JsonNode.Parse(await refused.Content.ReadAsStringAsync())!["code"]);
        }

        using HttpResponseMessage taken = await UntilAsync(HttpStatusCode.OK);

        async Task<HttpResponseMessage> UntilAsync(HttpStatusCode status)
        {
            for (int i = 0; ; i++)
            {
                HttpResponseMessage response = await SimulateAsync(service.Client, Npy.Write(new ArrayData([1, 350, 350], new float[122_500])));
                if (response.StatusCode == status || i == 100) return response;
                response.Dispose();
                await Task.Delay(50);
            }
        }
    }

    [Fact]
    public void One_caller_holds_half_of_the_memory_and_its_own_stalled_bodies_give_way_first()
    {
        const int most = 1 << 20;
        var memory = new UploadMemory(Options.Create(new LimitOptions { RequestBytes = 1 << 16, JsonBytes = 1 << 16, UploadBytes = most }));
        using UploadBytes first = memory.Open("one", CancellationToken.None), second = memory.Open("one", CancellationToken.None);
        using UploadBytes other = memory.Open("other", CancellationToken.None), third = memory.Open("third", CancellationToken.None);
        first.Take(most / 4);
        second.Take(most / 4);
        RequestException refused = Assert.Throws<RequestException>(() => second.Take(1));
        Assert.Equal((429, "busy"), (refused.Status, refused.Code));
        other.Take(most / 2);
        Assert.Equal(503, Assert.Throws<RequestException>(() => third.Take(1)).Status);
        first.Dispose();
        Assert.Equal(3 * most / 4, memory.Held);
        second.Take(most / 4);
        Assert.Equal(503, Assert.Throws<RequestException>(() => second.Take(1)).Status);
        second.Dispose();
        other.Dispose();
        Assert.Equal(0, memory.Held);
    }

    [Fact]
    public async Task One_caller_waits_behind_itself_and_leaves_a_place_of_the_decoders()
    {
        using var service = new Service(folder: null, ("Limits:Uploads", "2"), ("Limits:WaitingUploads", "1"));
        var gate = service.Services.GetRequiredService<UploadGate>();
        var files = new Dictionary<string, byte[]> { ["image"] = Requests.Png() };
        using var held = new ManualResetEventSlim();
        Task<int> first = Decode("one", () => held.Wait(TimeSpan.FromSeconds(60))), second = Decode("one", () => true);
        RequestException refused = await Assert.ThrowsAsync<RequestException>(() => Decode("one", () => true));
        Assert.Equal((429, "busy"), (refused.Status, refused.Code));
        Assert.Equal(1, await Decode("other", () => true));
        Assert.False(first.IsCompleted || second.IsCompleted);
        held.Set();
        Assert.Equal((1, 1), (await first, await second));

        Task<int> Decode(string caller, Func<bool> work) => gate.RunAsync(caller, files, _ => work() ? 1 : 0, CancellationToken.None);
    }

    [Fact]
    public async Task An_archive_is_refused_by_the_sum_of_its_arrays_before_any_is_unpacked()
    {
        using var service = new Service(folder: null, ("Limits:DecodeBytes", $"{64 << 20}"));
        const int side = 600;
        byte[] Archive(int arrays) => Zip([.. Names.Take(arrays).Select(name => (name, Npy.Write(new ArrayData([1, side, side], new float[side * side]))))]);
        using HttpResponseMessage refused = await SimulateAsync(service.Client, Archive(8));
        JsonNode error = JsonNode.Parse(await refused.Content.ReadAsStringAsync())!;
        Assert.Equal((HttpStatusCode.RequestEntityTooLarge, "tooLarge", "files.image"), (refused.StatusCode, (string?)error["code"], (string?)error["field"]));

        // The largest as it is stored, and three copies of each.
        Assert.Contains($"{(8 * 3 * side * side * 4) + (side * side * 4) + 128} bytes", (string)error["detail"]!, StringComparison.Ordinal);
        using HttpResponseMessage taken = await SimulateAsync(service.Client, Archive(5));
        Assert.Equal(HttpStatusCode.UnprocessableEntity, taken.StatusCode);
        Assert.DoesNotContain("tooLarge", await taken.Content.ReadAsStringAsync(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Neither_countless_parts_nor_countless_values_are_read()
    {
        using var service = new Service();
        var parts = new StringBuilder();
        for (int i = 0; i < 5000; i++) parts.Append("--b\r\nContent-Disposition: form-data; name=\"mask\"\r\n\r\n\r\n");
        using var form = new StringContent(parts + "--b--\r\n");
        form.Headers.ContentType = new("multipart/form-data") { Parameters = { new("boundary", "b") } };
        using HttpResponseMessage many = await service.Client.PostAsync("/v1/jobs", form);
        Assert.Equal("tooManyParts", (string?)JsonNode.Parse(await many.Content.ReadAsStringAsync())!["code"]);

        using var json = new StringContent(
            $"{{\"model\":\"brain-mri-128\",\"solver\":{{\"parameters\":{{\"steps\":[{string.Join(',', new int[200_000])}]}}}}}}",
            Encoding.UTF8, "application/json");
        using HttpResponseMessage values = await service.Client.PostAsync("/v1/jobs", json);
        Assert.Equal(HttpStatusCode.RequestEntityTooLarge, values.StatusCode);
        Assert.Contains("100000 names and values", await values.Content.ReadAsStringAsync(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Memory_of_large_uploads_is_given_back_to_the_system()
    {
        string folder = Directory.CreateTempSubdirectory("inverse-memory-").FullName;
        using (var process = new ServiceProcess(folder))
        {
            using HttpClient client = await process.ClientAsync();
            using (await SimulateAsync(client, Requests.Png()))
            {
            }

            long before = Mebibytes(process.Id, "VmRSS:");
            byte[] large = Npy.Write(new ArrayData([12, 1, 1024, 1024], new float[12 << 20]));
            for (int i = 0; i < 3; i++)
            {
                using HttpResponseMessage response = await SimulateAsync(client, large);
                Assert.Equal(HttpStatusCode.OK, response.StatusCode);
            }

            // Code that ran for the first time stays.
            long most = Mebibytes(process.Id, "VmHWM:"), after = most;
            Assert.True(most > before + 250, $"{before} MiB became {most}.");
            for (int i = 0; i < 60 && after > before + 200; i++)
            {
                await Task.Delay(200);
                after = Mebibytes(process.Id, "VmRSS:");
            }

            Assert.InRange(after, 1, before + 200);
        }

        Directory.Delete(folder, recursive: true);
    }

    [Fact]
    public async Task A_slow_file_steps_aside_for_the_others()
    {
        using var service = new Service(folder: null, ("Limits:Uploads", "1"), ("Formats:Processes", "1"));
        HashSet<int> others = [.. Readers()];
        JsonObject job = new()
        {
            ["model"] = "brain-mri-128",
            ["problem"] = new JsonObject { ["type"] = "denoising" },
            ["sigma"] = 0.01,
            ["solver"] = new JsonObject { ["type"] = "adjoint", ["preset"] = "fast" },
            ["seed"] = 1,
        };
        await SubmitAsync();
        Stop(service.Services.GetRequiredService<FormatReader>().ProcessId!.Value);

        // The stopped process is replaced, and the one with patience started.
        await SubmitAsync();
        int[] stopped = [.. Readers().Except(others)];
        Array.ForEach(stopped, Stop);
        Task slow = SubmitAsync();
        await Task.Delay(1000);
        Assert.False(slow.IsCompleted);
        using (HttpResponseMessage beside = await SimulateAsync(service.Client, Requests.Png())) Assert.Equal(HttpStatusCode.OK, beside.StatusCode);
        Assert.False(slow.IsCompleted);
        foreach (int id in stopped.Where(Readers().Contains)) Signal(id, "CONT");
        await slow;

        async Task SubmitAsync()
        {
            using MultipartFormDataContent form = Requests.Form(job, ("measurement", ScanStories.Dicom()));
            using HttpResponseMessage response = await service.Client.PostAsync("/v1/jobs", form);
            Assert.Equal(HttpStatusCode.Accepted, response.StatusCode);
            await service.UntilAsync(Service.Id(JsonNode.Parse(await response.Content.ReadAsStringAsync())!.AsObject()));
        }
    }

    private static IEnumerable<int> Readers() => Process.GetProcessesByName("inverse_reader").Select(process => process.Id);

    private static void Stop(int id) => Signal(id, "STOP");

    private static void Signal(int id, string name)
    {
        using Process kill = Process.Start("/usr/bin/env", ["kill", "-" + name, id.ToString(CultureInfo.InvariantCulture)]);
        kill.WaitForExit();
    }

    private static IEnumerable<string> Names => ["measurement", .. FileImport.Names];

    private static long Mebibytes(int id, string name)
    {
        string line = File.ReadLines($"/proc/{id}/status").Single(line => line.StartsWith(name, StringComparison.Ordinal));
        return long.Parse(line.Split()[^2], CultureInfo.InvariantCulture) / 1024;
    }

    private static byte[] Zip((string Name, byte[] Bytes)[] files)
    {
        using var packed = new MemoryStream();
        using (var archive = new ZipArchive(packed, ZipArchiveMode.Create, leaveOpen: true))
        {
            foreach ((string name, byte[] bytes) in files)
            {
                using Stream stream = archive.CreateEntry(name + ".npy", CompressionLevel.Fastest).Open();
                stream.Write(bytes);
            }
        }

        return packed.ToArray();
    }

    private static async Task<HttpResponseMessage> SimulateAsync(HttpClient client, byte[] image)
    {
        using MultipartFormDataContent form = Requests.Form(
            new JsonObject { ["problem"] = new JsonObject { ["type"] = "denoising" }, ["sigma"] = 0.1 }, ("image", image));
        return await client.PostAsync("/v1/measurements/simulate", form);
    }
}
