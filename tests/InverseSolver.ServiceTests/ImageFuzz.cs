using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Text;
using System.Text.Json.Nodes;
using InverseSolver.ImagingTests;

namespace InverseSolver.ServiceTests;

/// <summary>
/// Damaged PNG, JPEG, TIFF and WebP files over HTTP: each is measured or refused with 422, in bounded time and memory. INVERSESOLVER_IMAGE_FUZZ says how many
/// are sent (500), INVERSESOLVER_FUZZ_SEED which, and INVERSESOLVER_FUZZ_LOG names a folder for the counts, as they grow.
/// </summary>
public sealed class ImageFuzz(Service service) : IClassFixture<Service>
{
    // Files of a few kilobytes take milliseconds; what they claim to be may take all the pixels that are allowed.
    private static readonly TimeSpan Longest = TimeSpan.FromSeconds(20);
    private const long MostBytes = 3L << 30;

    private static readonly string Fixtures = Path.Combine(Repository.Root, "tests", "InverseSolver.ImagingTests", "fixtures");

    private readonly ConcurrentDictionary<string, int> _counts = new();
    private readonly Lock _oneAtATime = new();
    private int _sent;
    private long _longestTicks;

    [Fact]
    public async Task A_damaged_image_is_measured_or_refused_and_nothing_else()
    {
        int count = Setting("INVERSESOLVER_IMAGE_FUZZ", 500), seed = Setting("INVERSESOLVER_FUZZ_SEED", 20_261_129);
        (string Name, byte[] File)[] seeds = [.. Directory.EnumerateFiles(Fixtures, "*", SearchOption.AllDirectories)
            .Where(file => Path.GetExtension(file) is ".png" or ".jpg" or ".tif" or ".webp").Order(StringComparer.Ordinal).Select(file =>
                (Path.GetFileName(file), File.ReadAllBytes(file)))];
        Assert.True(seeds.Length > 70);
        var mutations = new Mutations(seed);
        long start = Stopwatch.GetTimestamp();
        await Parallel.ForEachAsync(Enumerable.Range(0, count), new ParallelOptions { MaxDegreeOfParallelism = 2 }, async (i, cancellation) =>
        {
            (string name, byte[] whole) = seeds[i % seeds.Length];
            byte[] file;
            lock (_oneAtATime) file = mutations.Next(whole);
            // Without right checksums no damage reaches what lies behind them.
            if (name.EndsWith(".png", StringComparison.Ordinal) && i / seeds.Length % 4 != 0) file = PngFile.Repair(file);
            await TryAsync(name, file, cancellation);
            if (Interlocked.Increment(ref _sent) % 1000 == 0) Write(start);
        });
        Write(start);
        TestContext.Current.SendDiagnosticMessage(Summary(start));
        Assert.InRange(_counts.Where(answer => answer.Key.EndsWith("422", StringComparison.Ordinal)).Sum(answer => answer.Value), count / 3, count);
        Assert.InRange(_counts.Where(answer => answer.Key.EndsWith("200", StringComparison.Ordinal)).Sum(answer => answer.Value), count / 100, count);
        Assert.InRange(TimeSpan.FromTicks(_longestTicks), TimeSpan.Zero, Longest);
        Assert.InRange(PeakBytes(), 0, MostBytes);
        Assert.DoesNotContain(service.Log, line => line.Contains("Exception", StringComparison.Ordinal));
    }

    private async Task TryAsync(string name, byte[] file, CancellationToken cancellation)
    {
        var request = new JsonObject { ["problem"] = new JsonObject { ["type"] = "denoising" }, ["sigma"] = 0.1, ["seed"] = 1 };
        long start = Stopwatch.GetTimestamp();
        using MultipartFormDataContent form = Requests.Form(request, ("image", file));
        using HttpResponseMessage response = await service.Client.PostAsync("/v1/measurements/simulate", form, cancellation);
        byte[] body = await response.Content.ReadAsByteArrayAsync(cancellation);
        long took = Stopwatch.GetElapsedTime(start).Ticks;
        lock (_oneAtATime) _longestTicks = Math.Max(_longestTicks, took);
        _counts.AddOrUpdate($"{Path.GetExtension(name)[1..]} {(int)response.StatusCode}", 1, (_, before) => before + 1);
        if (response.StatusCode is not (HttpStatusCode.OK or HttpStatusCode.UnprocessableEntity) && Folder is { } folder)
        {
            await File.WriteAllBytesAsync(Path.Combine(folder, $"{(int)response.StatusCode} {name}"), file, cancellation);
        }
        Assert.True(
            response.StatusCode is HttpStatusCode.OK or HttpStatusCode.UnprocessableEntity,
            $"{name}: {(int)response.StatusCode} {Encoding.UTF8.GetString(body[..Math.Min(body.Length, 1000)])}");
    }

    private static string? Folder => Environment.GetEnvironmentVariable("INVERSESOLVER_FUZZ_LOG");

    private void Write(long start)
    {
        if (Folder is { } folder) lock (_oneAtATime) File.AppendAllText(Path.Combine(folder, "images.log"), $"{DateTime.UtcNow:s} {Summary(start)}\n");
    }

    private string Summary(long start) => string.Create(
        CultureInfo.InvariantCulture,
        $"{_sent} files: {string.Join(", ", _counts.OrderBy(answer => answer.Key, StringComparer.Ordinal).Select(answer => $"{answer.Key}: {answer.Value}"))}; "
            + $"longest {TimeSpan.FromTicks(_longestTicks).TotalSeconds:F2} s, {PeakBytes() >> 20} MiB at most, "
            + $"{Stopwatch.GetElapsedTime(start).TotalSeconds:F0} s");

    private static long PeakBytes() =>
        1024 * long.Parse(
            File.ReadLines("/proc/self/status").First(line =>
                line.StartsWith("VmHWM:", StringComparison.Ordinal))[6..].Replace("kB", "", StringComparison.Ordinal),
            CultureInfo.InvariantCulture);

    private static int Setting(string name, int otherwise) => int.TryParse(Environment.GetEnvironmentVariable(name), out int named) ? named : otherwise;
}
