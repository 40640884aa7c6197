using System.Globalization;
using System.Text.Json.Nodes;
using InverseSolver.Imaging;

namespace InverseSolver.Cli;

/// <summary>The figures of a job as text: from its folder with report.json, wherever it was solved.</summary>
internal static class ResultText
{
    /// <summary>Prints the figures of a folder's report.</summary>
    /// <param name="folder">The folder.</param>
    /// <param name="told">Warnings that the user has read already.</param>
    internal static void Print(string folder, IEnumerable<string> told)
    {
        JsonNode report = JsonNode.Parse(File.ReadAllBytes(Path.Combine(folder, "report.json")))!;
        (JsonNode consistency, JsonNode cost, JsonNode solver) = (report["consistency"]!, report["cost"]!, report["solver"]!);
        Line("solver", $"{solver["type"]}, preset {solver["preset"]}" + (string?)solver["dataStep"] switch
        {
            "paper" => "; data step: the paper's",
            "proximal" => "; data step: proximal, in place of the paper's",
            _ => "",
        });
        Line(
            "noise",
            $"sigma {Number(report["effectiveSigma"]):G3}{((bool)report["sigmaEstimated"]! ? $", estimated: {report["sigmaMethod"]}" : "")}"
                + $"{(report["photons"] is { } photons ? $", {Number(photons):G4} photons per unit" : "")}");
        Line(
            "residual",
            $"{Number(consistency["residual"]):G4} over {consistency["measuredComponents"]} components; noise explains {Number(consistency["expected"]):G4}"
                + $"{(consistency["ratio"] is { } ratio ? $" (ratio {Number(ratio):F2})" : "")}");
        Line(
            "prior share",
            consistency["priorShare"] is { } share
                ? $"{Number(share):P1} of the image's energy is not seen by the measurement" : "unknown: the problem is not linear");
        if (Path.Combine(folder, "deviation.npy") is var file && File.Exists(file))
        {
            float[] deviation = ArrayFiles.ReadImage(file).Values;
            Line(
                "deviation",
                $"{Math.Sqrt(deviation.Average(v => (double)v * v)):F3} root mean square over the samples, {deviation.Max():F3} at most");
        }

        if (report["quality"] is { } quality)
        {
            Line("against truth", $"{Quality(quality)}, NMSE {Number(quality["nmse"]):G4}");
        }

        if (report["twin"] is { } twin)
        {
            Line(
                "twin",
                $"{((bool)twin["turned"]! ? "turned" : "not turned")}: loss {Number(twin["loss"]):F4} under the prior, the other way round "
                    + $"{Number(twin["otherLoss"]):F4}"
                    + $"{(twin["registered"] is { } best ? $"; registered to the truth PSNR {Number(best["psnrDb"]):F2} dB" : "")}");
        }

        Line(
            "cost",
            $"{Number(cost["seconds"]):F1} s, {cost["networkCalls"]} network calls, {cost["networkGradients"]} network gradients, "
                + $"{cost["decoderGradients"]} decoder gradients");
        foreach (JsonNode? baseline in report["baselines"]?.AsArray() ?? [])
        {
            Line(
                (string)baseline!["solver"]!,
                $"{(baseline["quality"] is { } q ? $"{Quality(q)}, " : "")}relative residual {Number(baseline["consistency"]!["relativeResidual"]):G4}, "
                    + $"{Number(baseline["cost"]!["seconds"]):F1} s");
        }

        Warn(report["warnings"]!.AsArray().Select(warning => (string)warning!).Except(told));
        Console.WriteLine("Not for diagnosis.");
    }

    /// <summary>Prints warnings where errors stand, also where the output goes to a file.</summary>
    internal static void Warn(IEnumerable<string> warnings)
    {
        foreach (string warning in warnings) Console.Error.WriteLine($"warning: {warning}");
    }

    private static void Line(string name, string text) => Console.WriteLine($"{name,-13} {text}");

    private static string Quality(JsonNode quality) => $"PSNR {Number(quality["psnrDb"]):F2} dB, SSIM {Number(quality["ssim"]):F4}";

    // JSON has no NaN and no infinity: they are words.
    private static double Number(JsonNode? number) => number is JsonValue value && value.TryGetValue(out string? word)
        ? double.Parse(word, NumberStyles.Float, CultureInfo.InvariantCulture) : (double)number!;
}
