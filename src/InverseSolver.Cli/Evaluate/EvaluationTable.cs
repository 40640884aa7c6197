using System.Globalization;
using System.Text;
using InverseSolver.Cli.Sheets;
using InverseSolver.Imaging;
using InverseSolver.Reconstruction;

namespace InverseSolver.Cli.Evaluate;

/// <summary>Tables and pictures of an evaluation.</summary>
internal static class EvaluationTable
{
    /// <summary>Means over the images.</summary>
    internal static IReadOnlyList<EvaluationMean> Means(IReadOnlyList<EvaluationRow> rows) =>
        [.. rows.GroupBy(r => (r.Problem, r.Solver, r.Preset, r.Settings)).Select(g => new EvaluationMean(
            g.Key.Problem, g.Key.Solver, g.Key.Preset, g.Key.Settings, g.Count(),
            Math.Round(g.Average(r => r.PsnrDb), 3), Math.Round(g.Average(r => r.Ssim), 4), Math.Round(g.Average(r => r.Nmse), 5),
            Rounded(g.Average(r => r.Ratio)), Rounded(g.Average(r => r.RelativeResidual)), Rounded(g.Average(r => r.PriorShare)),
            Math.Round(g.Average(r => r.NetworkCalls), 1), Rounded(g.Average(r => r.NetworkGradients)),
            Math.Round(g.Average(r => r.DecoderGradients), 1), Math.Round(g.Average(r => r.Seconds), 1)))];

    /// <summary>The means, and a row for each run that was refused.</summary>
    internal static string Markdown(IReadOnlyList<EvaluationRow> rows, IReadOnlyList<EvaluationRefusal> refusals)
    {
        var text = new StringBuilder();
        text.AppendLine(
            "| problem | solver | preset | images | PSNR dB | SSIM | NMSE | residual ratio | relative residual | prior share "
                + "| network calls | network gradients | decoder gradients | s/image |");
        text.AppendLine("|---|---|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|");
        foreach (EvaluationMean m in Means(rows))
        {
            string preset = m.Preset + (m.Settings.Length == 0 ? string.Empty : " " + m.Settings);
            text.AppendLine(CultureInfo.InvariantCulture,
                $"| {m.Problem} | {m.Solver} | {preset} | {m.Images} | {m.PsnrDb:F2} | {m.Ssim:F3} | {m.Nmse:F4} | {m.Ratio:F2} | {m.RelativeResidual:F4} "
                    + $"| {m.PriorShare:P1} | {m.NetworkCalls:F0} | {m.NetworkGradients:F0} | {m.DecoderGradients:F0} | {m.Seconds:F1} |");
        }

        foreach ((EvaluationRun run, string reason) in refusals)
        {
            string preset = run.Preset + (run.Settings.Length == 0 ? string.Empty : " " + run.Settings);
            text.AppendLine(
                CultureInfo.InvariantCulture,
                $"| {run.Problem} | {run.Solver} | {preset} | refused: {reason.Replace("|", "\\|", StringComparison.Ordinal)} | | | | | | | | | | |");
        }

        return text.ToString();
    }

    /// <summary>A row for each problem and image: truth, the measurement's adjoint, and each run's result.</summary>
    internal static void WriteSheet(string file, Evaluation evaluation, IReadOnlyList<EvaluationRow> rows)
    {
        string[] runs = [.. rows.Select(RunName).Distinct()];
        var sheet = new List<ContactSheetRow>();
        foreach (var group in rows.GroupBy(r => (r.Problem, r.Image)))
        {
            ArrayData truth = ArrayFiles.ReadImage(evaluation.Images.First(path => Path.GetFileName(path) == group.Key.Image));
            var tiles = new List<ContactSheetTile?> { new(ArrayFiles.ToImage(truth)) };
            foreach (string run in runs)
            {
                EvaluationRow? row = group.FirstOrDefault(r => RunName(r) == run);
                string? picture = row is null ? null : evaluation.PictureFile(row);
                tiles.Add(picture is not null && File.Exists(picture)
                    ? new ContactSheetTile(
                        ArrayFiles.ToImage(ArrayFiles.ReadImage(picture)),
                        string.Create(CultureInfo.InvariantCulture, $"{row!.PsnrDb:F1} dB"))
                    : null);
            }

            sheet.Add(new ContactSheetRow(Path.GetFileNameWithoutExtension(group.Key.Problem), tiles));
        }

        File.WriteAllBytes(file, ContactSheet.Draw(["truth", .. runs], sheet, 160));
    }

    private static double? Rounded(double? value) => value is { } v ? Math.Round(v, 4) : null;

    private static string RunName(EvaluationRow row) => $"{row.Solver} {row.Preset}".Trim();
}

/// <summary>One row of the table: means over the images.</summary>
internal sealed record EvaluationMean(
    string Problem, string Solver, string Preset, string Settings, int Images,
    double PsnrDb, double Ssim, double Nmse, double? Ratio, double? RelativeResidual, double? PriorShare,
    double NetworkCalls, double? NetworkGradients, double DecoderGradients, double Seconds);
