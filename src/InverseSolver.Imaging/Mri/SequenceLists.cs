using System.Xml.Linq;

namespace InverseSolver.Imaging;

/// <summary>The lists of an ISMRMRD header's sequenceParameters, in the file's order; an entry is null where it is no number above 0.</summary>
/// <param name="EchoTimesMs">TE.</param>
/// <param name="RepetitionTimesMs">TR.</param>
/// <param name="InversionTimesMs">TI.</param>
/// <param name="FlipAnglesDegrees">flipAngle_deg.</param>
internal sealed record SequenceLists(
    IReadOnlyList<double?> EchoTimesMs, IReadOnlyList<double?> RepetitionTimesMs, IReadOnlyList<double?> InversionTimesMs,
    IReadOnlyList<double?> FlipAnglesDegrees)
{
    internal static SequenceLists Read(XElement root)
    {
        XElement? group = root.Elements().FirstOrDefault(e => e.Name.LocalName == "sequenceParameters");
        IReadOnlyList<double?> Of(string name) => group is null ? [] : [.. group.Elements().Where(e => e.Name.LocalName == name).Select(Value)];
        return new SequenceLists(Of("TE"), Of("TR"), Of("TI"), Of("flipAngle_deg"));

        static double? Value(XElement e) => IsmrmrdHeader.Positive(e.Value.Trim());
    }

    /// <summary>
    /// Returns the details of each image of a scan. A list with several entries has one for each contrast. With several contrasts a single TE is the first
    /// one's, unless it is another list that differs between them; a single entry of another list holds for all.
    /// </summary>
    /// <param name="images">A line of each image, in the order of the images.</param>
    /// <param name="remarks">Takes a sentence where a value is not known.</param>
    /// <returns>For each image; all null where the scan has one contrast, phase, repetition and set, the first.</returns>
    internal FrameDetails?[] Describe(IReadOnlyList<Acquisition> images, List<string> remarks)
    {
        (int Contrast, int Phase, int Repetition, int Set)[] volumes = [.. images.Select(VolumeOf).Distinct()];
        if (volumes is [{ Contrast: 0 }]) return new FrameDetails?[images.Count];
        bool contrasts = volumes.Any(volume => volume.Contrast > 0);
        bool echoes = contrasts && (EchoTimesMs.Count > 1 || (RepetitionTimesMs.Count < 2 && InversionTimesMs.Count < 2 && FlipAnglesDegrees.Count < 2));
        (int, int)[] times = [.. volumes.Select(TimeOf).Distinct().Order()];
        (int, int)[] gatherings = [.. volumes.Select(GatheringOf).Distinct().Order()];
        int[] others = [
            volumes.DistinctBy(volume => volume.Phase).Count(), volumes.DistinctBy(volume => volume.Repetition).Count(),
            volumes.DistinctBy(volume => volume.Set).Count()];
        var unknown = new SortedSet<string>(StringComparer.Ordinal);
        FrameDetails[] details = [.. volumes.Select((volume, i) => new FrameDetails
        {
            Volume = i,
            EchoNumber = echoes ? volume.Contrast + 1 : null,
            TemporalPosition = times.Length > 1 ? Array.IndexOf(times, TimeOf(volume)) + 1 : null,
            TemporalPositions = times.Length > 1 ? times.Length : null,
            AcquisitionNumber = gatherings.Length > 1 ? Array.IndexOf(gatherings, GatheringOf(volume)) + 1 : null,
            EchoTimeMs = Known(
                "echo time",
                echoes && EchoTimesMs.Count < 2 ? (volume.Contrast == 0 && EchoTimesMs is [{ } first] ? first : double.NaN) : Of(EchoTimesMs, volume.Contrast)),
            RepetitionTimeMs = Known("repetition time", Of(RepetitionTimesMs, volume.Contrast)),
            InversionTimeMs = Known("inversion time", Of(InversionTimesMs, volume.Contrast)),
            FlipAngleDegrees = Known("flip angle", Of(FlipAnglesDegrees, volume.Contrast)),
        })];
        if (unknown.Count > 0) remarks.Add($"The header does not state the {string.Join(", ", unknown)} of every image; where it does not, none is written.");
        return [.. images.Select(image => details[Array.IndexOf(volumes, VolumeOf(image))])];

        // With one contrast, a list with an entry for each phase, repetition or set may belong to these, or its first entry may hold for all.
        double? Of(IReadOnlyList<double?> list, int contrast) =>
            contrasts ? (list.Count > 1 ? list.ElementAtOrDefault(contrast) ?? double.NaN : null)
            : list.Count > 1 && others.Contains(list.Count) ? double.NaN
            : null;

        double? Known(string name, double? value)
        {
            if (value is double.NaN) unknown.Add(name);
            return value;
        }

        static (int Repetition, int Phase) TimeOf((int Contrast, int Phase, int Repetition, int Set) volume) => (volume.Repetition, volume.Phase);

        (int Contrast, int Set) GatheringOf((int Contrast, int Phase, int Repetition, int Set) volume) => (echoes ? 0 : volume.Contrast, volume.Set);
    }

    private static (int Contrast, int Phase, int Repetition, int Set) VolumeOf(Acquisition line) => (line.Contrast, line.Phase, line.Repetition, line.Set);
}
