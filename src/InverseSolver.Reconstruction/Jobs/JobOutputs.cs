using System.Security.Cryptography;
using InverseSolver.Imaging;

namespace InverseSolver.Reconstruction.Jobs;

/// <summary>The files that a job leaves: images, arrays, the result as a scan, and last the report, which lists the others.</summary>
public static class JobOutputs
{
    private const string Binary = "application/octet-stream", Picture = "image/png";

    /// <summary>Writes all of them.</summary>
    /// <param name="job">The job.</param>
    /// <param name="run">The circumstances of its run.</param>
    /// <param name="reader">Writes DICOM.</param>
    /// <param name="write">Takes the name and the bytes of each file.</param>
    /// <returns>The report, and the files with the report itself.</returns>
    public static (JobReport Report, IReadOnlyList<Artefact> Artefacts) Write(
        SolvedJob job, JobCircumstances run, FormatReader reader, Action<string, byte[]> write)
    {
        var artefacts = new List<Artefact>();
        foreach ((string name, string contentType, byte[] bytes) in Images(job)) Add(name, contentType, bytes);
        (IReadOnlyList<DerivedFile> scan, DerivedReport? derived) = Scan(job, reader);
        foreach (DerivedFile file in scan) Add(file.Name, file.ContentType, file.Bytes);
        JobReport report = JobReport.Of(job, run, derived, [.. artefacts]);
        Add("report.json", "application/json", report.ToJson());
        return (report, artefacts);

        void Add(string name, string contentType, byte[] bytes)
        {
            write(name, bytes);
            artefacts.Add(new Artefact(name, contentType, bytes.Length, Convert.ToHexStringLower(SHA256.HashData(bytes))));
        }
    }

    private static IEnumerable<(string Name, string ContentType, byte[] Bytes)> Images(SolvedJob job)
    {
        ReconstructionResult result = job.Result;
        yield return ("result.npy", Binary, Npy.Write(result.Image));
        if (Pictures.ToPng(result.Image, 8) is { } image) yield return ("result.png", Picture, image);
        if (Pictures.ToPng(result.Image, 16) is { } deep) yield return ("result16.png", Picture, deep);
        if (result.Frames is { Count: > 1 })
        {
            foreach ((int i, Image frame) in Pictures.Frames(result.Image).Index())
            {
                yield return ($"frame-{i:0000}.png", Picture, ImageFile.WritePng(frame, 16));
            }
        }

        if (result.Deviation is { } deviation)
        {
            yield return ("deviation.npy", Binary, Npy.Write(deviation));
            if (Pictures.ToPng(result.DeviationPicture!, 8) is { } shown) yield return ("deviation.png", Picture, shown);
        }

        if (result.MriArrays is { } mri)
        {
            yield return ("complex.npy", Binary, Npy.Write(mri.Image));
            yield return ("maps.npy", Binary, Npy.Write(mri.Maps));
            yield return ("kspace.npy", Binary, Npy.Write(mri.KSpace));
            if (mri.Mask is { } used) yield return ("mask.npy", Binary, Npy.Write(used));
        }

        if (result.Mask is { } mask && Pictures.ToPng(mask, 8) is { } drawn) yield return ("mask.png", Picture, drawn);
        foreach ((Baseline baseline, ReconstructionResult other) in job.Plan.Baselines.Zip(job.Baselines))
        {
            yield return ($"baseline-{baseline.Solver}.npy", Binary, Npy.Write(other.Image));
            if (Pictures.ToPng(other.Image, 8) is { } picture) yield return ($"baseline-{baseline.Solver}.png", Picture, picture);
        }

        ArrayData measurement = job.Plan.Checked.Request.Measurement;
        yield return ("measurement.npy", Binary, Npy.Write(measurement));
        if (Pictures.ToPng(measurement, 8) is { } measured) yield return ("measurement.png", Picture, measured);
    }

    // NIfTI, and DICOM in the study that the result belongs to, where the measurement is a scan or a reference was sent.
    private static (IReadOnlyList<DerivedFile> Files, DerivedReport? Report) Scan(SolvedJob job, FormatReader reader)
    {
        (ReconstructionResult result, MeasurementOrigin origin) = (job.Result, job.Plan.Origin);
        if (!FormatReader.IsInstalled || (job.Plan.Reference is null && !origin.IsScan && result.Mri is null)) return ([], null);
        ArrayData image = result.Image;
        return DerivedFiles.Write(reader, new DerivedImages
        {
            Values = image.Values,
            Slices = image.Shape.Length == 4 ? image.Shape[0] : 1,
            Channels = image.Shape[^3],
            Rows = image.Shape[^2],
            Columns = image.Shape[^1],
            Scale = result.Mri?.Scale ?? origin.Scale,
            Offset = origin.Offset,
            Origin = origin,
            Reference = job.Plan.Reference,
            Solver = job.Plan.Request.Solver.Type,
            Model = job.Model.Info.Id,
            ModelHash = job.Model.Info.Hash,
            Ratio = result.Consistency.Ratio,
            Warnings = result.Warnings,
            SoftwareVersion = JobReport.Version,
        });
    }
}
