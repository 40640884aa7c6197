using System.Globalization;
using System.Text;
using InverseSolver.Imaging;
using InverseSolver.Solvers;

namespace InverseSolver.Cli;

/// <summary>Tables and pictures of an evaluation.</summary>
internal static class EvaluationTable
{
    /// <summary>Means over the images, and a row for each run that was refused.</summary>
    internal static string Markdown(IReadOnlyList<EvaluationRow> rows, IReadOnlyList<EvaluationRefusal> refusals)
    {
        var text = new StringBuilder();
        text.AppendLine("| problem | solver | preset | images | PSNR dB | SSIM | NMSE | residual ratio | relative residual | prior share | network calls | network gradients | decoder gradients | s/image |");
        text.AppendLine("|---|---|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|");
        foreach (var group in rows.GroupBy(r => (r.Problem, r.Solver, r.Preset, r.Settings)))
        {
            EvaluationRow[] g = [.. group];
            string preset = g[0].Preset + (g[0].Settings.Length == 0 ? string.Empty : " " + g[0].Settings);
            text.AppendLine(CultureInfo.InvariantCulture,
                $"| {g[0].Problem} | {g[0].Solver} | {preset} | {g.Length} | {g.Average(r => r.PsnrDb):F2} | {g.Average(r => r.Ssim):F3} | {g.Average(r => r.Nmse):F4} | {g.Average(r => r.Ratio):F2} | {g.Average(r => r.RelativeResidual):F4} | {g.Average(r => r.PriorShare):P1} | {g.Average(r => r.NetworkCalls):F0} | {g.Average(r => r.NetworkGradients):F0} | {g.Average(r => r.DecoderGradients):F0} | {g.Average(r => r.Seconds):F1} |");
        }

        foreach ((EvaluationRun run, string reason) in refusals)
        {
            string preset = run.Preset + (run.Settings.Length == 0 ? string.Empty : " " + run.Settings);
            text.AppendLine(CultureInfo.InvariantCulture, $"| {run.Problem} | {run.Solver} | {preset} | refused: {reason.Replace("|", "\\|", StringComparison.Ordinal)} | | | | | | | | | | |");
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
                    ? new ContactSheetTile(ArrayFiles.ToImage(ArrayFiles.ReadImage(picture)), string.Create(CultureInfo.InvariantCulture, $"{row!.PsnrDb:F1} dB"))
                    : null);
            }

            sheet.Add(new ContactSheetRow(Path.GetFileNameWithoutExtension(group.Key.Problem), tiles));
        }

        File.WriteAllBytes(file, ImageFile.WritePng(ContactSheet.Draw(["truth", .. runs], sheet, 160)));
    }

    private static string RunName(EvaluationRow row) => $"{row.Solver} {row.Preset}".Trim();
}
